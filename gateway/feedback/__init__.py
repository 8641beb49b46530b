"""Thumbs: who may vote, how votes are counted, and what becomes of an answer voted down."""
