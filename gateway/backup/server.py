"""Backups of a MySQL or MariaDB server, by its own programs: one consistent snapshot while writers
go on, as compressed SQL. It holds tables with their partitions, and views. It holds no accounts."""

import gzip
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

DUMPS, CLIENTS = ("mariadb-dump", "mysqldump"), ("mariadb", "mysql")
# Written last: without it the dump was cut off.
COMPLETE = b"-- Dump completed"
TAIL_BYTES = 200
CHUNK_BYTES = 1 << 20
OPTIONS = (
    "--single-transaction",  # a snapshot of InnoDB: nobody is locked out
    "--quick",
    "--skip-lock-tables",
    "--no-tablespaces",  # would ask for the right PROCESS
    "--hex-blob",
    "--default-character-set=utf8mb4",
)
# Only MySQL's own dump knows it; a restore elsewhere would be refused with it.
OPTIONS_OF_MYSQL = ("--set-gtid-purged=OFF",)


class BackupError(Exception):
    """A sentence for whoever has typed the command."""


def dump(url: URL, file: Path) -> None:
    """Write the database into a file that only its owner can read. It is whole or not there.
    Raises BackupError, OSError."""
    program = _program(DUMPS)
    partial = file.with_name(file.name + ".part")
    try:
        with _options(url) as options, open(partial, "wb", opener=private) as raw:
            command = [program, f"--defaults-file={options}", *OPTIONS]
            command += [*(() if _is_mariadbs(program) else OPTIONS_OF_MYSQL), url.database or ""]
            with (
                gzip.open(raw, "wb", 6) as out,
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run,  # noqa: S603
            ):
                assert run.stdout is not None
                assert run.stderr is not None
                shutil.copyfileobj(run.stdout, out, CHUNK_BYTES)
                said = run.stderr.read().decode(errors="replace")
        if run.returncode:
            raise BackupError(f"{Path(program).name} ended with {run.returncode}: {said.strip()}")
        check(partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def check(file: Path) -> None:
    """Read all of a backup. Raises BackupError where it is damaged or was cut off."""
    tail = b""
    try:
        with gzip.open(file) as text:
            while chunk := text.read(CHUNK_BYTES):
                tail = (tail + chunk)[-TAIL_BYTES:]
    except (OSError, EOFError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise BackupError(f"{file} is damaged: {error}") from None
    if COMPLETE not in tail:
        raise BackupError(f"{file} is not a whole backup: its last line is missing")


def load(url: URL, file: Path) -> None:
    """Run a backup's SQL in an empty database. Raises BackupError."""
    program = _program(CLIENTS)
    with _options(url) as options, gzip.open(file) as text:
        command = [program, f"--defaults-file={options}", url.database or ""]
        command.insert(2, "--default-character-set=utf8mb4")
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as run:  # noqa: S603
            assert run.stdin is not None
            assert run.stderr is not None
            try:
                shutil.copyfileobj(text, run.stdin, CHUNK_BYTES)
                run.stdin.close()
            except BrokenPipeError:  # it says below why it stopped
                pass
            said = run.stderr.read().decode(errors="replace")
    if run.returncode:
        raise BackupError(f"the server refuses the backup: {said.strip()}")


@contextmanager
def _options(url: URL) -> Iterator[str]:
    """A file for the programs with where and who: a password on a command line is seen by all."""
    # As the driver is told it: options of the URL count more than what stands before them.
    told = url.get_dialect()().create_connect_args(url)[1]
    given = {name: told.get(name) for name in ("host", "port", "user", "password")}
    place = told.get("unix_socket")
    # By themselves the programs take `localhost` for the usual socket.
    given |= {"protocol": "socket" if place else "tcp", "socket": place}
    given |= {f"ssl-{name}": told.get("ssl", {}).get(name) for name in ("ca", "cert", "key")}
    lines = [f'{name}="{_escaped(str(value))}"' for name, value in given.items() if value]
    with tempfile.NamedTemporaryFile("w", prefix="shopsight-", suffix=".cnf") as file:
        file.write("[client]\n" + "\n".join(lines) + "\n")
        file.flush()
        yield file.name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _program(names: tuple[str, ...]) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise BackupError(
            f"{' or '.join(names)} is needed here: install mariadb-client or mysql-client"
        )
    return found


def _is_mariadbs(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return "MariaDB" in said.stdout


def private(path: str, flags: int) -> int:
    """For `open`: a file that only its owner can read."""
    return os.open(path, flags, 0o600)
