"""The wire to a replica: kept-alive connections, and their bytes as pieces of an answer."""
