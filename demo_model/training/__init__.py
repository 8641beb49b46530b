"""Trains the weights in `demo_model/checkpoint/` on pictures and questions."""
