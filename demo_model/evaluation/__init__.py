"""Measures the checkpoint on pictures and phrasings that training never saw."""
