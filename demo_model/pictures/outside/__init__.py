"""Pictures that are not of the demo world: what the model learns to say "I do not know this" to."""
