"""The log's tables, their types, and how to reach the database. Imports nothing else of the log."""
