"""Votes on answers: who may vote, how votes count, and the quarantine of answers voted down."""
