"""One person's erasure: which rows are theirs, what becomes of them, what waits in spools."""
