"""HTTP to a replica: kept-alive connections, and the pieces of an answer read from them."""
