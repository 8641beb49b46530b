"""The model: the only folder of the service that imports torch and transformers."""

import torch

Logits = torch.Tensor
"""[vocabulary] of one row, or [rows, vocabulary]; float32 on the CPU."""
OutOfMemory = torch.OutOfMemoryError
