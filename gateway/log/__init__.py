"""The behaviour log: one event a finished request, committed before its answer's last byte."""
