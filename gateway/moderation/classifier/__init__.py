"""A small classifier of texts, trained by this project."""
