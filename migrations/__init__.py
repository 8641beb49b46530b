"""The log's schema, one revision a file: `versions/NNNN_what.py`. `env.py` runs them."""
