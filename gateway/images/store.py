"""The files of uploads, each under its key: in a folder that gateways share, or in a bucket of an
object store that speaks S3. obstore does both."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from gateway.images.settings import ImageSettings

# A photo of 10 MB takes a fifth of it at 100 Mbit/s.
ANSWER_S = 5
CONNECT_S = 1
# Who waits on an event loop holds a place at a replica meanwhile.
SOON_S = 2
# Of one call. The client waits for it, and may send the photo with the question instead.
RETRIES = 2
RETRY_S = 3
# After a failure nobody asks for so long: requests would pile up behind a store that hangs.
PAUSE_S = 1.0


class StoreFailedError(OSError):
    """The store did not answer, or refused. Its text names the kind of failure, and no key."""


class PhotoStore:
    """Methods raise StoreFailedError. From any thread."""

    def __init__(self, made: Callable[[], LocalStore | S3Store], folder: Path | None) -> None:
        self._make = made
        self._made: LocalStore | S3Store | None = None
        self.folder = folder
        """None where the files are in a bucket."""
        self._paused_until = 0.0

    @classmethod
    def open(cls, settings: ImageSettings) -> "PhotoStore":
        if not settings.image_store:
            return cls.in_folder(settings.image_dir)
        return cls(partial(_bucket, settings), None)

    @classmethod
    def in_folder(cls, folder: Path) -> "PhotoStore":
        # Made with the first file: a folder that cannot be must not keep a gateway from answering.
        return cls(partial(LocalStore, folder.absolute(), mkdir=True), folder)

    def write(self, key: uuid.UUID, data: bytes) -> None:
        """Whole, or not at all: whoever reads meanwhile finds no half of it."""
        with self._asking() as store:
            obstore.put(store, name_of(key), data, use_multipart=False)

    def exists(self, key: uuid.UUID) -> bool:
        with contextlib.suppress(FileNotFoundError), self._asking() as store:
            obstore.head(store, name_of(key))
            return True
        return False

    def read(self, key: uuid.UUID) -> bytes:
        """Raises FileNotFoundError."""
        with self._asking() as store:
            return bytes(obstore.get(store, name_of(key)).bytes())

    async def read_soon(self, key: uuid.UUID) -> bytes:
        """The same on an event loop, within SOON_S."""
        with self._asking() as store:
            async with asyncio.timeout(SOON_S):  # its TimeoutError is an OSError
                found = await obstore.get_async(store, name_of(key))
                return bytes(await found.bytes_async())

    def delete(self, keys: Sequence[uuid.UUID]) -> None:
        """Those of them that are there."""
        names = [name_of(key) for key in keys]
        with self._asking() as store:
            if self.folder is None:
                obstore.delete(store, names)  # up to 1,000 a request
                return
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(store, name)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[LocalStore | S3Store]:
        if time.monotonic() < self._paused_until:
            raise StoreFailedError("it failed a moment ago")
        try:
            if self._made is None:
                self._made = self._make()
            yield self._made
        except FileNotFoundError:
            raise FileNotFoundError("no such photo") from None  # obstore's text is a page long
        except (BaseError, OSError, ValueError) as error:
            if self.folder is None:
                self._paused_until = time.monotonic() + PAUSE_S
            raise StoreFailedError(type(error).__name__) from None


def name_of(key: uuid.UUID) -> str:
    """The file of an upload, in the store."""
    # The last digits are random: a flat folder of a million files is slow to list.
    return f"{key.hex[-2:]}/{key.hex}"


def _bucket(settings: ImageSettings) -> S3Store:
    bucket, _, prefix = settings.image_store.removeprefix("s3://").partition("/")
    key_id, secret = (
        each.get_secret_value()
        for each in (settings.image_store_key_id, settings.image_store_secret)
    )
    # What is not given is looked for where programs for AWS do: AWS_…, a role of the machine or of
    # its account in Kubernetes.
    given = {
        "endpoint": settings.image_store_endpoint,
        "region": settings.image_store_region,
        "access_key_id": key_id,
        "secret_access_key": secret,
    }
    return S3Store(
        bucket,
        prefix=prefix or None,
        config={name: value for name, value in given.items() if value},  # type: ignore[arg-type]
        virtual_hosted_style_request=settings.image_store_virtual_host,
        client_options={
            "allow_http": settings.image_store_endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_S),
            "timeout": timedelta(seconds=ANSWER_S),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
    )
