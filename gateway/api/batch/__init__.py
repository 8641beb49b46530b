"""HTTP of the batch lane."""
