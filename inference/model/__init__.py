"""The only folder of the service that knows torch and transformers."""

import torch

Logits = torch.Tensor
"""[vocabulary], float32 on the CPU: what the rest hands from a pass to the sampler."""
OutOfMemory = torch.OutOfMemoryError
