"""Votes on answers: who may vote, how votes are counted, and the quarantine of answers voted
down."""
