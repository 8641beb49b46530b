"""The answer cache: stored answers, and the computations that are under way."""
