"""`python -m ops.autoscaling`: composition root of the autoscaler. It runs until SIGTERM."""

import signal
import threading
from contextlib import ExitStack, closing

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from contract.process.logs import configure_logging
from contract.process.wrong_settings import told_in_a_sentence
from ops.autoscaling.alerts import Alertmanager
from ops.autoscaling.compose_service import ComposeService
from ops.autoscaling.controller import Controller, Service
from ops.autoscaling.docker import Docker
from ops.autoscaling.metrics import AutoscalerMetrics
from ops.autoscaling.settings import AutoscalingSettings
from ops.autoscaling.swarm_service import SwarmService


def service_of(settings: AutoscalingSettings, docker: Docker) -> Service:
    project, name = settings.autoscale_project, settings.autoscale_service
    if settings.autoscale_engine == "swarm":
        return SwarmService(docker, f"{project}_{name}")
    return ComposeService(docker, project, name)


def main() -> None:
    with told_in_a_sentence():
        settings = AutoscalingSettings()
    configure_logging(settings.log_level)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = AutoscalerMetrics(registry, settings.bounds)
    start_http_server(settings.autoscale_port, settings.autoscale_host, registry)
    with ExitStack() as stack:
        alerts = stack.enter_context(closing(Alertmanager(settings.alertmanager_url)))
        docker = stack.enter_context(closing(Docker(settings.docker_socket)))
        service = service_of(settings, docker)
        controller = Controller(
            alerts, service, settings.bounds, metrics, settings.autoscale_dry_run
        )
        while True:
            controller.round()
            if stop.wait(settings.autoscale_interval_s):
                return


if __name__ == "__main__":
    main()
