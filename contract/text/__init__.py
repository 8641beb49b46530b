"""What is done to a question's text: its language, its looks, its canonical form. And what fields
are called."""
