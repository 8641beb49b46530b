"""`shopsight erasures`: repeats every erasure that has a tombstone. Needed after a backup was
restored that is older than some erasures."""

import asyncio
from datetime import datetime
from itertools import groupby

from sqlalchemy import Engine

from gateway.config import Settings
from gateway.erasure.log import LogErasure
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from gateway.log import tombstones
from gateway.log.rollups.retention import EPOCH
from gateway.log.schema.database import open_database


def run() -> int:
    settings = Settings()
    engine = open_database(settings)
    pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
    uploads = Uploads(PhotoStore.open(settings), engine, settings.image_ttl_s, pseudonyms)
    rows = replay_all(engine, uploads)
    engine.dispose()
    print(f"{rows} rows were not erased, and are now.")
    return 0


def replay_all(engine: Engine, uploads: Uploads) -> int:
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
    return rows
