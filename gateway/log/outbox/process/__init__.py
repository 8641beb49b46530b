"""The forwarder as a process of its own: both ends of the socket between it and its gateway."""
