"""Who waits for a place at a replica, and who is next."""
