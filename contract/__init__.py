"""What gateway and inference promise each other and their clients. A leaf: imports neither."""
