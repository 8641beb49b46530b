"""Counts by hour and by business day, and what else the log needs from time to time."""
