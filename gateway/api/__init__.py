"""The HTTP interface: parses a request, calls its use case, serialises the result. No decisions."""
