"""What shoppers want to know: a trained classifier of their questions."""
