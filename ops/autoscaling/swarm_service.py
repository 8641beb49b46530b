"""A service of Docker Swarm. Which replica goes is Swarm's choice: it takes its address out of the
DNS, then tells it to stop, and waits for `stop_grace_period`."""

from typing import Any

from ops.autoscaling.docker import Docker, EngineFailed
from ops.autoscaling.policy import Fleet


class SwarmService:
    def __init__(self, docker: Docker, name: str) -> None:
        self._docker = docker
        self._name = name

    def fleet(self) -> Fleet:
        service = self._service()
        asked = {"service": [service["ID"]], "desired-state": ["running"]}
        # A task is `running` once its health check is good.
        tasks = self._docker.get("/tasks", asked)
        ready = sum(task["Status"]["State"] == "running" for task in tasks)
        updating = service.get("UpdateStatus", {}).get("State") in ("updating", "rollback_started")
        return Fleet(service["Spec"]["Mode"]["Replicated"]["Replicas"], ready, updating)

    def scale(self, replicas: int) -> None:
        """Whoever changes the service meanwhile wins: then this is refused."""
        service = self._service()
        spec = service["Spec"]
        spec["Mode"]["Replicated"]["Replicas"] = replicas
        version = str(service["Version"]["Index"])
        self._docker.post(f"/services/{service['ID']}/update", spec, version=version)

    def _service(self) -> dict[str, Any]:
        found = self._docker.get("/services", {"name": [self._name]})
        for service in found:  # the filter takes beginnings of names, too
            if service["Spec"]["Name"] == self._name and "Replicated" in service["Spec"]["Mode"]:
                mine: dict[str, Any] = service
                return mine
        raise EngineFailed(f"no replicated service {self._name}")
