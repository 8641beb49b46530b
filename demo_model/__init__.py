"""The demo checkpoint: a tiny Qwen3-VL trained on product pictures that are drawn here.

It lets `make demo` answer real questions on a laptop CPU; it knows nothing of real photographs.
"""
