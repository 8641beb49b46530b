"""The demo checkpoint: a tiny Qwen3-VL, trained on product pictures that this package renders.

With it `make demo` answers real questions on a laptop's CPU. It was not trained on real photos.
"""
