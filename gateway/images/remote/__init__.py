"""Photos by their address on the web: which are allowed, how they are fetched, what is known."""
