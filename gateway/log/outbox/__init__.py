"""The way from a finished request to its row: a spool, and a forwarder that moves events on."""
