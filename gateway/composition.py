"""Composition root of a gateway: all of its parts, made, started and stopped."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry

from contract.pixels.decoder import PhotoDecoder
from contract.process.traces import Traces
from gateway import forwarding
from gateway.access.registry import Registry
from gateway.batch.lane import BatchLane
from gateway.cache.flights import Flights
from gateway.cache.shared import SharedAnswers
from gateway.canary.metrics import CanaryMetrics
from gateway.canary.weights_table import WeightsTable
from gateway.config import Settings
from gateway.feedback.quarantine import Quarantine
from gateway.feedback.tally import FeedbackMetrics, Tally
from gateway.gateway import Gateway
from gateway.identity.addresses import Addresses
from gateway.identity.callers import Callers
from gateway.identity.keys import KeyRing, parse_api_keys
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.identify import ImageIdentifier
from gateway.images.in_flight import BytesInFlight
from gateway.images.metrics import ImageMetrics
from gateway.images.quota import Quota
from gateway.images.remote.photos import RemotePhotos
from gateway.images.render import PictureRenderer
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from gateway.limits.running import RunningLimits
from gateway.log import client
from gateway.log.audit import Audit
from gateway.log.faults import loggable
from gateway.log.masking import SHARED
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.handle import WaitingForwarder
from gateway.log.outbox.recorder import Recorder
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.reader import LogReader
from gateway.log.request_metrics import RequestMetrics
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.database import open_database
from gateway.moderation.photos.open import open_photo_policy
from gateway.moderation.policies import TextPolicies
from gateway.pool.pool import Pool
from gateway.pool.telemetry import PoolMetrics
from gateway.report.nightly import NightlyReports
from gateway.usecases.answer import Answering
from gateway.usecases.batch_lines import BatchLines, batch_endpoints
from gateway.usecases.batching import Batching
from gateway.usecases.canary.deciding import Canarying
from gateway.usecases.canary.journal import CanaryJournal
from gateway.usecases.canary.warming import Warming
from gateway.usecases.canary.watching import Watching
from gateway.usecases.erase import Erasing
from gateway.usecases.moderate import Moderating
from gateway.usecases.questions import Questions
from gateway.usecases.screening import Screening
from gateway.usecases.showing import Showing
from gateway.usecases.upload import Uploading
from gateway.usecases.vote import Voting

log = logging.getLogger(__name__)

# For queries within a request: who owns an upload, which answer to purge.
SQL_TIMEOUT_S = 3
# An erasure reads all rows of a person, and a batch writes all of its lines.
PATIENT_SQL_TIMEOUT_S = 60


@asynccontextmanager
async def running_gateway(
    settings: Settings,
    registry: CollectorRegistry,
    *,
    forwarder: WaitingForwarder | None = None,
    batches: bool = False,
) -> AsyncIterator[Gateway]:
    """All parts of a gateway, started on entry and stopped on exit. `forwarder`: the process that
    forwards its events, without which a thread does. `batches`: it works on lines of batches, too,
    as it does in any case with an SQLite file, which has no worker."""
    if "pseudonym_key" not in settings.model_fields_set:
        log.warning("PSEUDONYM_KEY is not set: after a restart nobody is found for an erasure")
    engine = open_database(settings, answer_timeout_s=SQL_TIMEOUT_S)
    patient_engine = open_database(settings, answer_timeout_s=PATIENT_SQL_TIMEOUT_S)
    deadline_ms = settings.deadline_ms

    decoder = PhotoDecoder(settings.image_helpers, "gateway.images.jobs")
    images = ImageIdentifier(decoder)
    in_flight = BytesInFlight(settings.body_bytes_in_flight, settings.places_share)
    remote = RemotePhotos.open(settings, images, in_flight, registry)
    renderer = PictureRenderer(decoder, settings.rendered_bytes, ImageMetrics(registry))
    decoder.start()
    text_policies = TextPolicies(settings.moderation_rules, settings.moderation_reload_s)
    photo_policy = open_photo_policy(settings, settings.blocked_images)
    screening = Screening(text_policies, photo_policy)
    keys = KeyRing(parse_api_keys(settings.api_keys))
    pseudonyms = Pseudonyms(settings.pseudonym_key.get_secret_value())
    cache = SharedAnswers.open(settings, settings.cache_budget_ms)
    name_session = Addresses(settings).session_name
    limits = RunningLimits.open(
        settings, engine, cache.client, name_session, registry, batches=batches
    )
    photos = PhotoStore.open(settings)
    quota = Quota(limits.accounts, photos.folder, settings.disk_is_full)
    uploads = Uploads(photos, engine, settings.image_ttl_s, pseudonyms, quota)
    kept_weights = WeightsTable(engine, settings.spool_dir)
    pool = Pool(
        settings,
        PoolMetrics(registry),
        deadline_ms=deadline_ms,
        redis_url=settings.redis_address,
        secret=settings.session_secret.get_secret_value(),
        places_share=settings.places_share,
        kept_weights=kept_weights,
    )
    metrics = OutboxMetrics(registry)
    spool = SpoolFolder(settings.spool_dir, settings.log_durability).create_spool()
    delete_answers = cache.delete_from_thread(asyncio.get_running_loop())
    recorder = Recorder(
        spool,
        forwarding.open_forwarder(settings, forwarder, spool, metrics, delete_answers),
        RequestMetrics(registry, Traces.open(settings, "gateway")),
        metrics,
        pseudonyms,
        settings.log_drain_s,
    )
    quarantine = Quarantine()
    tally = Tally(settings, engine, quarantine, FeedbackMetrics(registry))
    # An SQLite file has no worker: the gateway itself does the upkeep of the log.
    chores: list[Upkeep | NightlyReports] = []
    if engine.dialect.name == "sqlite":
        chores.append(Upkeep(settings, engine, UpkeepMetrics(registry)))
        chores += NightlyReports.wanted(settings, settings.business_zone)
        batches = True
    lane = BatchLane.open(settings, engine, limits.accounts, settings.disk_is_full, pseudonyms)
    lane_erasure = lane.erasure(patient_engine)
    retries = cache.retries(settings.session_secret.get_secret_value(), settings.deadline_ms)
    whose = pseudonyms, patient_engine, uploads, lane_erasure
    erasing = Erasing(*whose, cache, settings.spool_dir, recorder, retries)
    on_limits = limits.replace_from_thread(asyncio.get_running_loop())
    access = Registry(engine, keys, on_limits, settings.spool_dir)
    answering = Answering(
        questions=Questions(images, uploads, remote, limits.limiter),
        screening=screening,
        quarantine=quarantine,
        answers=cache.answers,
        leases=cache.leases,
        flights=Flights(SHARED),
        pool=pool,
        showing=Showing(renderer, in_flight),
        recorder=recorder,
        limits=limits.limiter,
        deadline_ms=deadline_ms,
    )
    patient = replace(answering, deadline_ms=settings.batch_line_deadline_ms)
    endpoints = batch_endpoints(patient)
    kept_s = settings.answer_fresh_s + settings.answer_stale_s
    warming = Warming(patient_engine, patient, cache, uploads, kept_s)
    canary_metrics = CanaryMetrics(registry)
    canarying = Canarying(CanaryJournal(engine, canary_metrics), pool, warming)
    watching = Watching(canarying, canary_metrics)
    lines = BatchLines(endpoints, keys, limits.limiter, recorder)
    worker = None
    if batches:
        worker = lane.worker(
            patient_engine,
            lines.ask,
            lines.refuse,
            lambda: pool.ready and recorder.available,
            registry,
        )
    gateway = Gateway(
        callers=Callers(settings, keys),
        limits=limits.limiter,
        answering=answering,
        uploading=Uploading(images, screening, uploads, recorder, deadline_ms),
        voting=Voting(screening, recorder, deadline_ms),
        erasing=erasing,
        moderating=Moderating(images, screening, recorder, deadline_ms),
        batching=Batching(lane.files, lane.batches, lane_erasure, endpoints, recorder, deadline_ms),
        answers=cache.answers,
        retries=retries,
        in_flight=in_flight,
        pool=pool,
        recorder=recorder,
        log=LogReader(engine),
        audit=Audit(engine),
        canarying=canarying,
    )
    for chore in chores:
        chore.start()
    await asyncio.to_thread(client.prepare)
    await asyncio.to_thread(access.start)
    limits.start()
    recorder.start()
    text_policies.start()
    photo_policy.start()
    uploads.start()
    deleting = asyncio.create_task(cache.delete_old_forms())
    tally.start()
    await pool.start()
    await decoder.ready()
    watching.start()
    if worker is not None:
        worker.start()
    try:
        yield gateway
    finally:
        if worker is not None:
            await worker.close()
        await watching.close()
        deleting.cancel()
        text_policies.stop()
        await pool.close()
        kept_weights.close()
        await uploads.close()
        remote.close()
        # Each may wait for a database that hangs: the longest counts (STOP_S), not their sum. One
        # that fails does not hinder the others.
        ends = await asyncio.gather(
            asyncio.to_thread(tally.stop),
            asyncio.to_thread(access.stop),
            limits.close(),
            recorder.close(),
            *(asyncio.to_thread(chore.stop, settings.log_drain_s) for chore in chores),
            return_exceptions=True,
        )
        for error in filter(None, ends):
            log.error("a part did not end", extra={"fields": {"why": loggable(error)}})
        erasing.close()
        lane.close()
        engine.dispose()
        await cache.close()
        await asyncio.to_thread(decoder.close)
        await asyncio.to_thread(photo_policy.close)
