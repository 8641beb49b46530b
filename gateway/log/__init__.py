"""The behaviour log: one event per finished request, committed before the answer's last byte."""
