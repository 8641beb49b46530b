"""The image corpus of Pillow: what its own tests read, damaged and hostile files among them. It is
in Pillow's source distribution, of the version that is installed here."""

import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from contract.process.home import PROJECT

CACHE = PROJECT / ".cache" / "corpus"
FOLDER = "Tests/images/"


def pillow_images() -> list[Path]:
    """All its files in order, downloaded by pip the first time (47 MB)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    name = f"pillow-{version('pillow')}"
    archive = CACHE / f"{name}.tar.gz"
    if not archive.exists():
        print(f"pip downloads the source of {name}: a minute or two …", flush=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:"]
        command += ["--no-deps", "-d", str(CACHE), name.replace("-", "==")]
        subprocess.run(command, check=True)  # noqa: S603
    folder = CACHE / name
    if not (folder / "complete").exists():
        with tarfile.open(archive) as tar:
            wanted = (file for file in tar if file.name.startswith(f"{name}/{FOLDER}"))
            tar.extractall(CACHE, wanted, filter="data")
        (folder / "complete").touch()
    return sorted(path for path in (folder / FOLDER).rglob("*") if path.is_file())
