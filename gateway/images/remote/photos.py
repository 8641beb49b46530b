"""A photo by its address: whether it may be fetched, which it is, and its file for a replica."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from contract.errors import PayloadTooLarge, ShopsightError, UrlNotAllowed
from contract.images import MAX_IMAGE_BYTES, EncodedImage, ImageFacts
from gateway.images.identify import ImageIdentifier
from gateway.images.in_flight import BytesInFlight
from gateway.images.remote.errors import ImageUrlChanged
from gateway.images.remote.hosts import ListedHosts, PhotoUrl, read_url
from gateway.images.remote.known import Fetched, KnownPhoto, KnownPhotos, known_photo, name_of
from gateway.images.remote.metrics import FetchMetrics
from gateway.images.remote.settings import ImageUrlSettings
from gateway.images.remote.slots import FetchSlots

Fetch = Callable[[PhotoUrl, str, int, Mapping[str, str]], Awaitable[Fetched]]
"""Address, tenant, bytes at most, headers of a conditional request."""


@dataclass(frozen=True)
class FoundPhoto:
    facts: ImageFacts
    read: Callable[[], Awaitable[EncodedImage]]
    """Its file, also later. Raises the errors of a fetch."""
    unread_bytes: int = 0
    """Of its file where that is not held: it is kept, or fetched once more."""
    fetched_bytes: int = 0
    """What came for this asker: 0 where it was known, or others are waiting for it already."""


@dataclass(frozen=True)
class _Place:
    """An address as one tenant may ask for it."""

    url: PhotoUrl
    tenant: str
    name: bytes


async def _fetch_nothing(*_: Any) -> Fetched:
    raise UrlNotAllowed


class RemotePhotos:
    def __init__(
        self,
        settings: ImageUrlSettings,
        images: ImageIdentifier,
        in_flight: BytesInFlight,
        metrics: FetchMetrics,
        fetch: Fetch,
        close: Callable[[], None],
    ) -> None:
        self._hosts = {
            tenant: ListedHosts(hosts) for tenant, hosts in settings.image_url_hosts.items()
        }
        self._max_fresh_s = settings.image_url_fresh_s
        self._images = images
        self._in_flight = in_flight
        self._metrics = metrics
        self._fetch = fetch
        self._close = close
        self._known = KnownPhotos(settings.image_url_bytes)
        self._asking: dict[Any, asyncio.Future[tuple[ImageFacts, EncodedImage | None]]] = {}

    @classmethod
    def open(
        cls,
        settings: ImageUrlSettings,
        images: ImageIdentifier,
        in_flight: BytesInFlight,
        registry: CollectorRegistry,
        **network: Any,
    ) -> "RemotePhotos":
        """`network`: see PhotoFetcher."""
        slots = FetchSlots(settings.image_url_concurrency, settings.image_url_hosts)
        metrics = FetchMetrics(registry)
        if not settings.image_url_hosts:
            return cls(settings, images, in_flight, metrics, _fetch_nothing, slots.close)
        # Here, because it takes 5 MB of a process, and most fetch nothing.
        from gateway.images.remote.fetch import PhotoFetcher

        fetcher = PhotoFetcher(
            slots, settings.image_url_timeout_s, settings.image_url_proxy, **network
        )
        return cls(settings, images, in_flight, metrics, fetcher.fetch, slots.close)

    def close(self) -> None:
        for asking in self._asking.values():
            asking.cancel()
        self._close()

    async def find(self, text: str, tenant: str, max_bytes: int = MAX_IMAGE_BYTES) -> FoundPhoto:
        """Raises UrlNotAllowed, the errors of this folder, RateLimited, and those of a photo."""
        hosts, url = self._hosts.get(tenant), read_url(text)
        if hosts is None or not hosts.allow(url):
            raise UrlNotAllowed
        place = _Place(url, tenant, name_of(text, tenant))
        known = self._known.get(place.name)
        if known is not None and known.fresh:
            if known.facts.size_bytes > max_bytes:
                raise PayloadTooLarge
            return self._found(place, known.facts, None)
        leads = (place.name, max_bytes, known) not in self._asking
        facts, file = await self._ask(place, max_bytes, known)
        return self._found(place, facts, file, len(file.data) if file and leads else 0)

    def _found(
        self, place: _Place, facts: ImageFacts, file: EncodedImage | None, fetched: int = 0
    ) -> FoundPhoto:
        # What is kept, within bounds of its own, is not held besides, for as long as one waits.
        own = None if self._known.file(place.name, facts) is not None else file

        async def read() -> EncodedImage:
            kept = own or self._known.file(place.name, facts)
            if kept is not None:
                return kept
            now, again = await self._ask(place, MAX_IMAGE_BYTES, None)
            if again is None or now.digest != facts.digest:
                raise ImageUrlChanged
            return again

        return FoundPhoto(facts, read, 0 if own else facts.size_bytes, fetched)

    async def _ask(
        self, place: _Place, max_bytes: int, known: KnownPhoto | None
    ) -> tuple[ImageFacts, EncodedImage | None]:
        """Once for all who ask at the same time."""
        key = place.name, max_bytes, known
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._asked(place, max_bytes, known))
            self._asking[key] = asking
            asking.add_done_callback(lambda done: self._done(key, done))
        # Shielded: one asker who leaves must not take the photo from the others.
        return await asyncio.shield(asking)

    def _done(self, key: Any, done: asyncio.Future[Any]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # seen, also where everybody who asked has left

    async def _asked(
        self, place: _Place, max_bytes: int, known: KnownPhoto | None
    ) -> tuple[ImageFacts, EncodedImage | None]:
        """The facts, and the file unless it is the one that is known."""
        condition = known.condition if known is not None else {}
        began, outcome = time.monotonic(), "cancelled"
        try:
            fetched = await self._fetch(place.url, place.tenant, max_bytes, condition)
            outcome = "fetched" if fetched.data is not None else "not_modified"
        except ShopsightError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.seconds.observe(time.monotonic() - began)
            self._metrics.fetches.labels(outcome).inc()
        if fetched.data is None:
            assert known is not None
            # What it does not say again still holds.
            headers = {**known.validators, **fetched.headers}
            self._known.put(place.name, known_photo(known.facts, headers, self._max_fresh_s))
            if known.facts.size_bytes > max_bytes:
                raise PayloadTooLarge
            return known.facts, None
        file = EncodedImage(fetched.data)
        facts = await self._images.identify(file, place.tenant)
        known = known_photo(facts, fetched.headers, self._max_fresh_s)
        self._known.put(place.name, known)
        if known is not None:
            self._known.keep(place.name, facts, file)
        if self._known.file(place.name, facts) is None:
            self._in_flight.count(file)
        return facts, file
