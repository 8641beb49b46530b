"""What is done to a question's text: its language, its looks, its canonical form."""
