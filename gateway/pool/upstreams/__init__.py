"""Servers of all kinds: their settings, what each is told, which model it serves."""
