"""Canaries, on the port of administration."""
