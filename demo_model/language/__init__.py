"""How shoppers ask about a picture, and what the right answers are."""
