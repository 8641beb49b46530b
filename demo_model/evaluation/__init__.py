"""Measures the checkpoint on what training never saw, and shows it."""
