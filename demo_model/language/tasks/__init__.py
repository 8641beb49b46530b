"""What is asked besides single questions: cards, earlier turns, two products, instructions."""
