"""A GPU for machines without one: torch's `meta` device. Its tensors have a type and a shape, but
no content. So torch refuses to look at what a tensor holds, which on a GPU would wait for all that
was begun before, and operations on tensors of two devices are refused here."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

# Makes a tensor without filling it: nothing runs on a device.
EMPTY = {"empty", "empty_strided", "empty_like", "new_empty"}
COPIES = {"_to_copy", "to", "copy_"}
DEVICE = torch.device("meta")


class Launches(TorchDispatchMode):
    """Names the operations that compute or copy, in their order; views do neither. Use it in
    torch.inference_mode, where what has one kernel on a GPU is one operation here, too."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        result = func(*args, **(kwargs or {}))
        is_view = bool(storages(result) & storages((args, kwargs)))
        if name not in EMPTY and (func._schema.is_mutable or not is_view):
            self.names.append(name)
        return result


def storages(tree: Any) -> set[int]:
    tensors = (each for each in tree_iter(tree) if isinstance(each, torch.Tensor))
    return {tensor.untyped_storage()._cdata for tensor in tensors}


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
