"""A text as somebody reads it: plain characters, words, sounds. Decides nothing."""
