"""What trains the classifier of intents: texts by hand, a grammar that composes more."""
