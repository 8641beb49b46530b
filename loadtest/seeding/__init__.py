"""Made-up rows of the behaviour log: who asks what, and in which words."""
