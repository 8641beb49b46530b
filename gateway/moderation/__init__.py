"""Moderation: which photos, questions and answers are blocked."""
