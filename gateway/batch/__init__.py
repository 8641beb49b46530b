"""The lane for what is not urgent: files, batches of their lines, and the worker that asks them."""
