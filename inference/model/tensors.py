"""Names for what of torch the rest of the service needs."""

import torch

OutOfMemory = torch.OutOfMemoryError


class DeviceLost(Exception):
    """The device computes no more. CUDA's errors are sticky: only a new process is rid of them."""
