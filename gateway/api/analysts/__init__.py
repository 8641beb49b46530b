"""What analysts look at on the port of administration: reports, and photos of the log."""
