"""Where a text still is: in any table, file or name and value of Redis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import create_engine, inspect, text


def traces(needle: str, database_url: str, *folders: Path, redis_url: str = "") -> list[str]:
    """The places that hold `needle`, which is plain ASCII; of views, those of their tables."""
    found = [*_in_tables(needle, database_url)]
    for folder in folders:
        found += _in_files(needle.encode(), folder)
    if redis_url:
        found += _in_redis(needle.encode(), redis_url)
    return found


def _in_tables(needle: str, database_url: str) -> Iterator[str]:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f"SELECT * FROM {table}")).mappings():
                for column, value in row.items():
                    if needle in _as_text(value):
                        yield f"{table}.{column}"
    engine.dispose()


def _as_text(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1") + value.hex()
    return str(value)


def _in_files(needle: bytes, folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if needle in path.name.encode():
            yield f"name {path.name}"
        if path.is_file() and needle in path.read_bytes():
            yield f"file {path.relative_to(folder)}"


def _in_redis(needle: bytes, url: str) -> Iterator[str]:
    with redis.Redis.from_url(url) as client:
        for name in client.scan_iter("*"):
            kind = client.type(name)
            read = {
                b"string": lambda name=name: client.get(name),
                b"hash": lambda name=name: client.hgetall(name),
                b"stream": lambda name=name: client.xrange(name),
                b"set": lambda name=name: client.smembers(name),
                b"zset": lambda name=name: client.zrange(name, 0, -1, withscores=True),
                b"list": lambda name=name: client.lrange(name, 0, -1),
            }[kind]
            # Not by DUMP, which compresses. `repr` of bytes leaves ASCII as it is.
            if needle in name or needle.decode() in repr(read()):
                yield f"redis {name.decode()}"
