"""A GPU for machines without one: torch's `meta` device. Its tensors have a type and a shape, but
no content. So torch refuses to look at what a tensor holds, which on a GPU would wait for all that
was begun before, and operations on tensors of two devices are refused here."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

# Looks at a tensor in another way, makes an empty one, or asks for facts: nothing runs on a device.
NO_LAUNCH = {
    *("view", "_unsafe_view", "_reshape_alias", "transpose", "permute", "t", "expand", "slice"),
    *("select", "unsqueeze", "squeeze", "split", "split_with_sizes", "unbind", "alias", "detach"),
    *("narrow", "as_strided", "empty", "empty_strided", "empty_like", "new_empty", "lift_fresh"),
}
COPIES = {"_to_copy", "copy_"}
DEVICE = torch.device("meta")


class Launches(TorchDispatchMode):
    """Names the operations that compute or copy, in their order. Use it in torch.inference_mode,
    where an operation that has one kernel on a GPU is one here, too."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name not in NO_LAUNCH:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


class FakeGpu(Launches):
    """`fetches`: how often tensors were copied from the device to the CPU, where they are zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches = 0
        self.fetched_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        tensors = [x for x in tree_iter((args, kwargs)) if isinstance(x, torch.Tensor)]
        # Numbers are tensors of no dimension, and go along with a kernel.
        devices = {tensor.device for tensor in tensors if tensor.dim()}
        if len(devices) > 1 and name not in COPIES:
            raise AssertionError(f"{name} on tensors of {devices}")
        if name in COPIES and self._target(args, kwargs) == torch.device("cpu"):
            source = tensors[-1]
            if source.device == DEVICE:
                self.fetches += 1
                self.fetched_bytes += source.numel() * source.element_size()
                return torch.zeros(source.shape, dtype=source.dtype)
        return super().__torch_dispatch__(func, types, args, kwargs)

    @staticmethod
    def _target(args: Any, kwargs: dict[str, Any] | None) -> torch.device | None:
        device = (kwargs or {}).get("device")
        return torch.device(device) if device is not None else args[0].device
