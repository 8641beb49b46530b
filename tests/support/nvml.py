"""What the driver's Python binding answers with three GPUs, GPU-0 to GPU-2."""

from types import SimpleNamespace
from typing import Any


class Driver:
    """`fails`: names of calls that raise."""

    class NVMLError(Exception): ...

    def __init__(self, fails: set[str] | None = None) -> None:
        self.fails = fails or set()

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any:  # noqa: N802
        self._fail("nvmlDeviceGetHandleByUUID")
        return SimpleNamespace(index=int(uuid.removeprefix("GPU-")))

    def nvmlDeviceGetIndex(self, device: Any) -> Any:  # noqa: N802
        return device.index

    def nvmlDeviceGetUtilizationRates(self, device: Any) -> Any:  # noqa: N802
        self._fail("nvmlDeviceGetUtilizationRates")
        return SimpleNamespace(gpu=50)

    def nvmlDeviceGetMemoryInfo(self, device: Any) -> Any:  # noqa: N802
        self._fail("nvmlDeviceGetMemoryInfo")
        return SimpleNamespace(used=1, total=2)

    def _fail(self, call: str) -> None:
        if call in self.fails:
            raise self.NVMLError("GPU is lost")
