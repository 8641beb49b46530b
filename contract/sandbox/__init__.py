"""Work on what strangers send, in processes that may die of it: nothing of the service dies with
them."""
