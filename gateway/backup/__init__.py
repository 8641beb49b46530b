"""Backups of the log's database, and what a restore must not undo."""
