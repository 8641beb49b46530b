"""The forward passes of the model: the layers of its language part over packed rows, its vision
tower. Weights are those of transformers' module."""
