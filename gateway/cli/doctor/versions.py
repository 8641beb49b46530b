"""Versions: of Python, of the libraries that constraints.txt names, and what the system lets one
process open."""

import importlib.metadata
import importlib.util
import platform
import re
import resource
from collections.abc import Iterator

from contract.process.home import checkout
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.moderation.photos.open import LIBRARIES

# What Linux gives a process by default. Each connection, photo and file of the log takes one.
MIN_OPEN_FILES = 1024
SHOWN = 5
INSTALL = "pip install -c constraints.txt -e '.[gateway,inference,moderation]'"


def check_versions(settings: Settings) -> Iterator[Finding]:
    project = checkout()
    libc = " ".join(platform.libc_ver()).strip() or "another libc"
    python = f"Python {platform.python_version()}, {libc}"
    if project is None:
        yield Finding("versions", Grade.OK, f"{python}; there are no constraints to compare with")
    else:
        pinned = pins((project / "constraints.txt").read_text())
        others = list(_others(pinned))
        if others:
            said = f"other versions than were tested: {', '.join(others[:SHOWN])}"
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            yield Finding("versions", Grade.WARN, said + more, INSTALL)
        else:
            yield Finding("versions", Grade.OK, f"{python}, libraries as in constraints.txt")
    for check in settings.photo_checks:
        if importlib.util.find_spec(LIBRARIES[check]) is None:
            said = f"PHOTO_CHECKS names {check}, and {LIBRARIES[check]} is not installed"
            extra = "moderation-text" if check == "text" else "moderation"
            yield Finding("versions", Grade.WARN, said, f"pip install 'shopsight[{extra}]'")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < MIN_OPEN_FILES:
        said = f"a process may open {soft} files"
        yield Finding("versions", Grade.WARN, said, f"ulimit -n {MIN_OPEN_FILES} or more")


def pins(text: str) -> dict[str, str]:
    """The lines `name==version` of a file of constraints, by their normal names."""
    found = re.findall(r"^([\w.-]+)==([^\s;#]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def _others(pinned: dict[str, str]) -> Iterator[str]:
    """What is installed in another version than is pinned. What is not installed is not needed, or
    this command could not have started."""
    for name, version in pinned.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed.partition("+")[0] != version.partition("+")[0]:  # +cpu, +cu130
            yield f"{name} {installed} ({version})"
