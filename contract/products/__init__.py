"""What is asked of a photo besides questions: a card, and how well a text matches."""
