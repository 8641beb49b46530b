"""Debian packages: which ones have the pictures (packages.toml), and how they get here: downloaded
with apt-get, checked against their digests, unpacked with dpkg-deb. All of it as ordinary user."""

import hashlib
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

LIST = Path(__file__).with_name("packages.toml")
# Where the packages are for good: what a machine's own sources do not offer is looked up there.
MIRROR = "http://deb.debian.org/debian"
SUITES = ("bookworm", "trixie")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Products of the demo world. A clip art of a hat is no example of what the model does not know.
WORLD = re.compile(
    r"bag|purse|wallet|shoe|sneaker|heel|boot|shirt|dress|scarf|hat([^a-z]|s?\d*\.)|watch|glasses"
    r"|headphone|mug|kubek|cup|pan([^a-z]|\.)|lamp|chair|sofa|couch|umbrella|clothes|clothing|coffee|skate"
)


class OutsideMissing(Exception):
    """Pictures that are not of the demo world cannot be had. The message says what to do."""


@dataclass(frozen=True)
class Pictures:
    """Some picture files of a package, by a pattern of their paths."""

    path: str
    kind: str  # photograph, drawing, screenshot or page
    views: int = 1  # pictures made of each file
    most: int | None = None  # files
    only: str | None = None
    without: str | None = None

    def files(self, root: Path) -> list[Path]:
        """Those files below `root`, always the same ones in the same order."""
        found = sorted(
            path
            for path in root.glob(self.path)
            if path.is_file() and self._wanted(str(path.relative_to(root)))
        )
        if self.most and len(found) > self.most:
            found = sorted(Random(self.path).sample(found, self.most))
        return found

    def _wanted(self, path: str) -> bool:
        chosen = not self.only or re.search(self.only, path)
        left_out = self.without and re.search(self.without, path)
        return bool(chosen) and not left_out and not WORLD.search(Path(path).name.lower())


@dataclass(frozen=True)
class Package:
    """A Debian package of one version."""

    name: str
    version: str
    split: str  # train or test
    size: int  # of the .deb file, bytes
    sha256: str
    pictures: tuple[Pictures, ...]

    def deb(self, folder: Path) -> Path:
        """The file that apt-get writes. It escapes the colon of an epoch."""
        return folder / f"{self.name}_{self.version.replace(':', '%3a')}_all.deb"


@cache
def packages() -> tuple[Package, ...]:
    """The packages of packages.toml."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["package"]
    return tuple(
        Package(
            entry["name"],
            entry["version"],
            entry["split"],
            entry["bytes"],
            entry["sha256"],
            tuple(Pictures(**pictures) for pictures in entry["pictures"]),
        )
        for entry in entries
    )


def fetch(wanted: tuple[Package, ...], folder: Path, say: Callable[[str], None]) -> None:
    """Have the packages' files in `folder`. Those that are there already are only checked.

    Raises OutsideMissing where a tool, the network or a package is missing, or a file is another
    one than expected.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise OutsideMissing(f"{tool} is missing: these pictures come from Debian packages.")
    folder.mkdir(parents=True, exist_ok=True)
    options: list[str] = []
    for package in wanted:
        if package.deb(folder).exists():
            continue
        say(f"downloading {package.name} ({package.size / 1e6:.0f} MB)")
        if _downloaded(package, folder, options):
            continue
        if not options:
            say("this machine's package lists do not have it: reading Debian's own")
            options = _own_lists(folder / "apt")
            if _downloaded(package, folder, options):
                continue
        raise OutsideMissing(
            f"{package.name} {package.version} could not be downloaded. "
            f"It takes a network with {MIRROR}, or the file itself at {package.deb(folder)}."
        )
    for package in wanted:
        path = package.deb(folder)
        if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != package.sha256:
            raise OutsideMissing(
                f"{path} is another file than expected: SHA-256 {found}, not {package.sha256}. "
                "Delete it and try again."
            )


def _downloaded(package: Package, folder: Path, options: list[str]) -> bool:
    command = ["apt-get", *options, "--quiet", "download", f"{package.name}={package.version}"]
    done = subprocess.run(command, cwd=folder, capture_output=True)  # noqa: S603
    return done.returncode == 0 and package.deb(folder).exists()


def _own_lists(folder: Path) -> list[str]:
    """Options for apt-get with package lists of our own, which take no rights to read anew."""
    folder = folder.resolve()
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    trust = f"[signed-by={KEYRING}] " if Path(KEYRING).exists() else ""
    lines = [f"deb {trust}{MIRROR} {suite} main\n" for suite in SUITES]
    (folder / "sources.list").write_text("".join(lines))
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": folder / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
    }
    if os.geteuid() == 0:
        # Otherwise root's apt-get reads lists as a user who may not write here.
        settings["APT::Sandbox::User"] = "root"
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    subprocess.run(["apt-get", *options, "--quiet", "update"], capture_output=True)  # noqa: S603, S607
    return options


def unpacked(package: Package, folder: Path, target: Path) -> Iterator[tuple[Pictures, Path]]:
    """Unpack a package below `target`, and yield its picture files."""
    target.mkdir(parents=True, exist_ok=True)
    command = ["dpkg-deb", "--extract", str(package.deb(folder)), str(target)]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        raise OutsideMissing(f"{package.name} could not be unpacked: {done.stderr.strip()}")
    for pictures in package.pictures:
        for path in pictures.files(target):
            yield pictures, path
