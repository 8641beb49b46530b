"""`python -m inference.fetch`: downloads the weights of CHECKPOINT at CHECKPOINT_REVISION. Fails
unless they are those of CHECKPOINT_SHA256. A checkpoint's name may mean other weights tomorrow."""

import hashlib
import os
import sys
from pathlib import Path

# No pickles and no code: loading one would run whatever its author has put there.
PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt")


def fingerprint(folder: Path) -> str:
    """SHA-256 over the files' names and SHA-256s, in order of their names."""
    whole = hashlib.sha256()
    files = {file for pattern in PATTERNS for file in folder.rglob(pattern) if file.is_file()}
    for file in sorted(files, key=lambda file: file.relative_to(folder).as_posix()):
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        whole.update(f"{digest}  {file.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()


def check(folder: Path, expected: str) -> str:
    """Returns the fingerprint. Raises SystemExit if another was expected."""
    found = fingerprint(folder)
    if expected and found != expected.lower():
        raise SystemExit(f"These are other weights than CHECKPOINT_SHA256 says: {found}")
    return found


def remember(snapshot: Path) -> None:
    """Make the hub's local copy that of the name, so that it is loaded without a revision."""
    reference = snapshot.parent.parent / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(snapshot.name)


def main() -> int:
    from huggingface_hub import snapshot_download

    name, revision = os.environ["CHECKPOINT"], os.environ.get("CHECKPOINT_REVISION") or "main"
    expected = os.environ.get("CHECKPOINT_SHA256", "")
    patterns = list(PATTERNS)
    snapshot = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    found = check(snapshot, expected)
    remember(snapshot)
    print(f"CHECKPOINT_REVISION={snapshot.name}\nCHECKPOINT_SHA256={found}")
    if not expected:
        print("Put these two lines into .env, so that it stays these weights.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
