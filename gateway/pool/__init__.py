"""The inference replicas: which are ready, which one to ask, how to ask it."""
