"""What every process of ours does the same way: where it keeps state, how it logs, its memory."""
