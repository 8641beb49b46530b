"""`python -m tests.engine.breaking_replica FILE`: a replica whose device is lost as soon as FILE is
there. From then on nothing can be fetched from it, or changed there, as with CUDA after an illegal
access to memory."""

import sys
from pathlib import Path
from typing import Any

import torch

from inference.__main__ import main
from inference.model.forward.slots import SlotCache


def breaks(owner: Any, name: str, broken: Path) -> None:
    original = getattr(owner, name)

    def method(*args: Any, **options: Any) -> Any:
        if broken.exists():
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return original(*args, **options)

    setattr(owner, name, method)


if __name__ == "__main__":
    for owner, name in ((torch.Tensor, "cpu"), (SlotCache, "move"), (SlotCache, "zero")):
        breaks(owner, name, Path(sys.argv[1]))
    main()
