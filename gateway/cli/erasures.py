"""`shopsight erasures`: does every erasure in force once more, after a backup was restored that is
older than some of them."""

import asyncio
from itertools import groupby

from sqlalchemy import Engine

from gateway.config import Settings
from gateway.erasure.log import LogErasure
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.uploads import Uploads
from gateway.log import tombstones
from gateway.log.rollups.retention import EPOCH
from gateway.log.schema.database import open_database


def run() -> int:
    settings = Settings()
    engine = open_database(settings)
    pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
    uploads = Uploads(settings.image_dir, engine, settings.image_ttl_s, pseudonyms)
    rows = again(engine, uploads)
    engine.dispose()
    print(f"{rows} rows were not erased, and are now.")
    return 0


def again(engine: Engine, uploads: Uploads) -> int:
    """Answers how many interactions had come back."""
    with engine.connect() as connection:
        found = tombstones.read_since(connection, EPOCH).erased_at

    def person(item: tuple[tombstones.Subject, object]) -> tuple[str, str]:
        who, erased_at = item
        return who.tenant, str(erased_at)

    rows = 0
    for _, group in groupby(sorted(found.items(), key=person), key=person):
        stones = list(group)
        erasure = LogErasure(engine, [who for who, _ in stones], stones[0][1])
        asyncio.run(uploads.erase(erasure.uploads([])))
        rows += erasure.replay()
    return rows
