"""Secrets: whether those that several processes must share are set, are long enough, and lie where
nobody else reads them. Shows names and places, never a value."""

import re
from collections.abc import Iterator
from pathlib import Path

from contract.process.home import checkout, env_file, home
from gateway.cli.doctor.finding import Finding, Grade
from gateway.cli.doctor.folders import open_to_others
from gateway.cli.embedded import SECRETS as EMBEDDED
from gateway.config import Settings

# Without them each gateway makes its own at each start.
SHARED = ("session_secret", "pseudonym_key")
# What `bin/make-secrets` writes has 64. Less than this can be guessed by trying.
MIN_CHARS = 32
# A line of `.env` that holds a secret.
_SECRET_LINE = re.compile(
    r"^\s*(?:\w*(?:PASSWORD|SECRET|TOKEN|API_KEY|PSEUDONYM_KEY)|UPSTREAMS)\s*=\s*\S", re.MULTILINE
)


def check_secrets(settings: Settings) -> Iterator[Finding]:
    findings = [*_unset(settings), *_short(settings), *_readable()]
    yield from findings
    if not findings:
        made = "make run makes its own" if _embedded(settings) else "set and long enough"
        yield Finding("secrets", Grade.OK, f"{made}; none is open to other users")


def _unset(settings: Settings) -> Iterator[Finding]:
    if _embedded(settings):
        return
    for name in SHARED:
        if name not in settings.model_fields_set:
            said = f"{name.upper()} is not set: each gateway has its own, a new one at each start"
            advice = f"bin/make-secrets makes secrets/{name}; all gateways need the same"
            yield Finding("secrets", Grade.FAIL, said, advice)


def _embedded(settings: Settings) -> bool:
    return settings.sqlalchemy_url.get_backend_name() == "sqlite"


def _short(settings: Settings) -> Iterator[Finding]:
    values = {
        "SESSION_SECRET": [settings.session_secret.get_secret_value()],
        "PSEUDONYM_KEY": settings.pseudonym_key.get_secret_value().split(),
        "ADMIN_TOKEN": [settings.admin_token.get_secret_value()],
    }
    for name, keys in values.items():
        if any(0 < len(key) < MIN_CHARS for key in keys):
            said = f"{name} is shorter than {MIN_CHARS} characters"
            yield Finding("secrets", Grade.WARN, said, "openssl rand -hex 32 makes a good one")


def _readable() -> Iterator[Finding]:
    """In a container secrets lie in /run/secrets, where all is one user's: that is left out."""
    project = checkout()
    for file in [*_files(home(), EMBEDDED), *(_all(project / "secrets") if project else ())]:
        if open_to_others(file):
            said = f"{file} can be read by every user of this machine"
            yield Finding("secrets", Grade.FAIL, said, f"chmod 700 {file.parent}")
    file = env_file()
    if file.is_file() and open_to_others(file) and _SECRET_LINE.search(file.read_text()):
        said = f"{file} holds a secret, and every user of this machine can read it"
        yield Finding("secrets", Grade.FAIL, said, f"chmod 600 {file}")


def _files(folder: Path, names: tuple[str, ...]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _all(folder: Path) -> list[Path]:
    """What can be seen of a folder that may be closed to us, too."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []
