"""How shoppers ask about a picture, and what a right answer is."""
