"""The demo world: chooses facts at random, and renders the picture that shows them."""
