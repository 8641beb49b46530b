"""Serves one gateway until SIGTERM, on its public, its internal and its administration's port."""

import asyncio
import gc
import signal

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector

from contract.process.memory import give_back_free_memory, keep_free_memory
from contract.process.stopping import end_without_threads
from gateway.api.admin import create_admin_app, create_internal_app
from gateway.api.hosts import Hosts
from gateway.api.server import is_loopback, make_server, own_address
from gateway.app import create_app
from gateway.config import Settings
from gateway.identity.keys import UnreadableKeysError
from gateway.log.outbox.process.handle import WaitingForwarder
from gateway.telemetry.disks import DiskCollector
from gateway.telemetry.last_hour import LastHour

# A collection looks at all young objects, and a cached answer leaves nothing for it to collect.
GC_THRESHOLDS = (20_000, 20, 20)
# What a rush has left in the heap goes back this often.
GIVE_BACK_S = 1.0


async def give_back() -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(GIVE_BACK_S)
        await asyncio.to_thread(give_back_free_memory)


async def serve(settings: Settings, forwarder: WaitingForwarder | None) -> None:
    registry = CollectorRegistry()
    drain_s = settings.deadline_ms // 1000
    folders = {
        "spool": settings.spool_dir,
        "files": settings.file_dir,
    }
    if not settings.image_store:
        folders["images"] = settings.image_dir
    DiskCollector(folders, registry)
    ProcessCollector(registry=registry)
    app = create_app(settings, registry, forwarder)
    admin_host = own_address(settings.admin_host)
    if not is_loopback(admin_host) and not settings.admin_token.get_secret_value():
        raise SystemExit("ADMIN_HOST opens administration to a network: set ADMIN_TOKEN, too.")
    internal = create_internal_app(
        Hosts([settings.internal_host, *settings.allowed_hosts]), registry
    )
    internal_host = own_address(settings.internal_host)
    token = settings.admin_token.get_secret_value()
    last_hour = LastHour(registry)
    admin = create_admin_app(settings.admin_host, app.state, token, settings.report_dir, last_hour)
    servers = [
        make_server(app, settings.host, settings.gateway_port, drain_s, settings.trusted_proxies),
        make_server(internal, internal_host, settings.internal_port, 1),
        make_server(admin, admin_host, settings.admin_port, 1),
    ]

    def stop() -> None:
        for each in servers:
            each.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    aside = [asyncio.create_task(work) for work in (last_hour.run(), give_back())]
    await asyncio.gather(*(each.serve() for each in servers))
    for task in aside:
        task.cancel()


def run(settings: Settings, forwarder: WaitingForwarder | None) -> None:
    """`forwarder`: the process that forwards events; None: a thread of this one does."""
    keep_free_memory()
    gc.set_threshold(*GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings, forwarder))
            end_without_threads()
        except UnreadableKeysError as error:
            raise SystemExit(str(error)) from None
