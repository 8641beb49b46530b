"""HTTP: parse a request, hand it to its use case, serialise the result. Decides nothing."""
