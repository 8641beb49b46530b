"""Names for what of torch the rest of the service needs."""

import torch

Logits = torch.Tensor
"""[vocabulary] of one row, or [rows, vocabulary]; float32 on the CPU."""
OutOfMemory = torch.OutOfMemoryError


class DeviceLost(Exception):
    """The device computes no more. CUDA's errors are sticky: only a new process is rid of them."""
