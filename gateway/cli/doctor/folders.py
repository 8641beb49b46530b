"""The folders of state: whether they can be written, are on a suitable disk, have room, and are
closed to the other users of this machine."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contract.process.home import home
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings

MOUNTS = Path("/proc/mounts")
# Locks and memory maps of SQLite are not safe there.
NETWORK_DISKS = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs"}
MB = 1024 * 1024


def check_folders(settings: Settings) -> Iterator[Finding]:
    folders = {
        "SPOOL_DIR": settings.spool_dir,
        "FILE_DIR": settings.file_dir,
    }
    if not settings.image_store:
        folders["IMAGE_DIR"] = settings.image_dir
    database = settings.sqlalchemy_url
    if database.get_backend_name() == "sqlite" and database.database:
        folders["DATABASE_URL"] = Path(database.database).absolute().parent
    if any(folder.is_relative_to(home()) for folder in folders.values()):
        folders = {"SHOPSIGHT_HOME": home(), **folders}
    for setting, folder in folders.items():
        faults = list(_faults(setting, folder, settings))
        free = shutil.disk_usage(_existing(folder)).free // MB
        where = f"{setting} {folder}"
        if not faults:
            there = "" if folder.exists() else ", made at the first start"
            yield Finding("folders", Grade.OK, f"{where}: {free:,} MB free{there}")
        for state, said, advice in faults:
            yield Finding("folders", state, f"{where} {said}", advice)


def _faults(setting: str, folder: Path, settings: Settings) -> Iterator[tuple[Grade, str, str]]:
    there = _existing(folder)
    if not there.is_dir():
        yield Grade.FAIL, f"cannot be made: {there} is no folder", f"correct {setting}"
        return
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"\0" * 4096)
            file.flush()
            if setting == "SPOOL_DIR":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        user = f"user {os.geteuid()}"
        yield Grade.FAIL, f"cannot be written: {error.strerror}", f"let {user} write {there}"
        return
    if setting == "SPOOL_DIR" and MOUNTS.exists():
        kind = filesystem_of(there.resolve(), MOUNTS.read_text())
        if kind in NETWORK_DISKS:
            yield Grade.FAIL, f"is on {kind}, which does not lock safely", "use a local disk"
    yield from _room(setting, there, settings)
    if folder.exists() and open_to_others(folder):
        said = "can be read by every user of this machine"
        yield Grade.WARN, said, f"chmod 700 {folder}"


def _room(setting: str, there: Path, settings: Settings) -> Iterator[tuple[Grade, str, str]]:
    disk, advice = shutil.disk_usage(there), "make room on its disk"
    files = os.statvfs(there)
    if files.f_files and not files.f_favail:
        yield Grade.FAIL, "has no inode left", advice
    if setting == "SPOOL_DIR":
        if disk.free < settings.spool_reserve_bytes:
            said = f"has {disk.free // MB} MB free: below SPOOL_RESERVE_BYTES questions are refused"
            yield Grade.FAIL, said, advice
        elif disk.free < settings.spool_reserve_bytes + settings.spool_max_bytes:
            said = f"has {disk.free // MB} MB free, less than SPOOL_MAX_BYTES may take"
            yield Grade.WARN, said, advice
    if setting in ("IMAGE_DIR", "FILE_DIR") and settings.disk_is_full(disk.total, disk.free):
        said = (
            f"has {disk.free // MB} MB free, {disk.free / disk.total:.0%} of its disk:"
            " below IMAGE_DISK_FREE and IMAGE_DISK_FREE_BYTES uploads are refused"
        )
        yield Grade.FAIL, said, advice


def _existing(path: Path) -> Path:
    """The path, or its nearest parent that is there."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def open_to_others(path: Path) -> bool:
    """Whether a user who is neither the owner nor of the group can read it."""
    path = path.resolve()
    enter = all(parent.stat().st_mode & 0o001 for parent in path.parents)
    return enter and bool(path.stat().st_mode & 0o004)


def filesystem_of(path: Path, mounts: str) -> str:
    """The kind of the file system that the path lies on, from the text of /proc/mounts."""
    found = (0, "")
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        # The kernel writes a space in a path as \040.
        mounted = Path(place.encode().decode("unicode_escape"))
        if path.is_relative_to(mounted):
            found = max(found, (len(mounted.parts), kind))
    return found[1]
