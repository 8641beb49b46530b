"""The erasure of one person: which rows are the person's, and how rows and spools are redacted."""
