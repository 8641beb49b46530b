"""`shopsight erasures`: repeats every erasure that has a tombstone. Needed after a backup was
restored that is older than some erasures: these can be kept apart from it, in a file."""

import asyncio
import sys
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from sqlalchemy import Engine

from gateway.backup.since import Since
from gateway.batch.erasure import BatchErasure
from gateway.batch.lines import end_leases
from gateway.config import Settings
from gateway.erasure.log import LogErasure
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from gateway.log import tombstones
from gateway.log.rollups.countable import EPOCH
from gateway.log.schema.database import open_database


def run(save: Path | None, load: Path | None, may_lack_end: bool = False) -> int:
    settings = Settings()
    if save is not None:
        return _save(settings, save, may_lack_end)
    try:
        known = None if load is None else Since.load(load, may_lack_end=may_lack_end)
    except ValueError as error:
        print(f"Nothing was changed: {error}.", file=sys.stderr)
        return 1
    print(f"{put_back(settings, known)} rows were not erased, and are now.")
    return 0


def _save(settings: Settings, file: Path, may_lack_end: bool) -> int:
    """Nothing that the file has is lost: a database that was emptied or restored knows less."""
    engine = open_database(settings)
    with engine.connect() as connection:
        since = Since.read(connection)
    engine.dispose()
    here = set(since.erased)
    try:
        since.save(file, may_lack_end=may_lack_end)
    except ValueError as error:
        print(
            f"Nothing was saved: {error}.\nIt may know erasures that nothing else knows: keep it"
            " under another name, and save again.",
            file=sys.stderr,
        )
        return 1
    print(f"{len(since.erased)} erasures and {len(since.revoked)} revoked keys in {file}.")
    oldest = settings.oldest_row(datetime.now(UTC)) or EPOCH  # older tombstones are dropped
    if lacking := sum(at >= oldest for who, at in since.erased.items() if who not in here):
        print(
            f"{lacking} of these erasures are not in the database. If it was emptied or restored,"
            f" do them again: shopsight erasures --load {file}",
            file=sys.stderr,
        )
    return 0


def put_back(settings: Settings, known: Since | None = None) -> int:
    """Do all erasures again. With `known`, which is there after a restore: also those of it, revoke
    its keys, and end the leases of batch lines. Returns how many interactions were redacted. Raises
    SQLAlchemyError."""
    engine = open_database(settings)
    if known is not None:
        with engine.begin() as connection:
            known.put_into(connection)
    pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
    uploads = Uploads(PhotoStore.open(settings), engine, settings.image_ttl_s, pseudonyms)
    batches = BatchErasure(engine, settings.file_dir, pseudonyms)
    rows = replay_all(engine, uploads, batches)
    if known is not None:
        end_leases(engine)
    engine.dispose()
    return rows


def replay_all(engine: Engine, uploads: Uploads, batches: BatchErasure) -> int:
    """Repeat all erasures. Returns how many interactions were redacted."""
    with engine.connect() as connection:
        erased_at = tombstones.read_since(connection, EPOCH).erased_at

    # One erasure sets the same moment for all subjects of a person.
    def erasure_key(item: tuple[tombstones.Subject, datetime]) -> tuple[str, str]:
        subject, moment = item
        return subject.tenant, str(moment)

    rows = 0
    for _, group in groupby(sorted(erased_at.items(), key=erasure_key), key=erasure_key):
        stones = list(group)
        erasure = LogErasure(engine, [subject for subject, _ in stones], stones[0][1])
        asyncio.run(uploads.erase(erasure.upload_condition([])))
        rows += erasure.replay()
        if names := {subject.name for subject, _ in stones if subject.kind == "user"}:
            batches.erase(stones[0][0].tenant, names, stones[0][1])
    return rows
