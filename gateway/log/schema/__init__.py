"""The log's tables, their column types and the connection to the database. Imports no other part of
the log."""
