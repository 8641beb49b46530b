"""From the pixels in a file to those that a model sees."""
