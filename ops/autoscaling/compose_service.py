"""A service of docker compose on one machine. Compose has no API: a new replica is made as its
siblings are, with the labels by which compose knows its containers."""

import copy
from contextlib import suppress
from typing import Any

from ops.autoscaling.docker import Docker, EngineFailed
from ops.autoscaling.policy import Fleet

LABEL = "com.docker.compose"
NUMBER = f"{LABEL}.container-number"
# Beyond the time that a container has to stop: the engine kills it then, and says so.
STOP_MARGIN_S = 20.0
# Docker's own, where compose has set none.
STOP_S = 10


class ComposeService:
    def __init__(self, docker: Docker, project: str, name: str) -> None:
        self._docker = docker
        self._project = project
        self._name = name

    def fleet(self) -> Fleet:
        there = [each for each in self._containers() if each["State"]["Running"]]
        return Fleet(len(there), sum(map(_is_ready, there)))

    def scale(self, replicas: int) -> None:
        """Add copies of a running replica, or let those with the highest numbers finish and go."""
        there = self._containers()
        running = sorted(
            (each for each in there if each["State"]["Running"]), key=_number, reverse=True
        )
        if not running:
            raise EngineFailed(f"no container of {self._project}-{self._name} is running")
        if replicas > len(running):
            free = max(map(_number, there)) + 1
            for number in range(free, free + replicas - len(running)):
                self._copy(running[-1], number)
        for container in running[: max(0, len(running) - replicas)]:
            self._drain(container)

    def _containers(self) -> list[dict[str, Any]]:
        labels = {"project": self._project, "service": self._name, "oneoff": "False"}
        wanted = {"label": [f"{LABEL}.{name}={value}" for name, value in labels.items()]}
        found = self._docker.get("/containers/json", wanted, all="true")
        return [self._docker.get(f"/containers/{each['Id']}/json") for each in found]

    def _copy(self, sibling: dict[str, Any], number: int) -> None:
        if sibling["HostConfig"].get("DeviceRequests") or sibling["HostConfig"].get("Devices"):
            raise EngineFailed("a copy of a replica with a device would be on the same device")
        name = f"{self._project}-{self._name}-{number}"
        body = copy.deepcopy(sibling["Config"])
        del body["Hostname"]  # the id of its sibling
        # Not the tag: it may have been given to another image since.
        body["Image"] = sibling["Image"]
        body["Labels"][NUMBER] = str(number)
        body["HostConfig"] = sibling["HostConfig"]
        own = {sibling["Name"].strip("/"), sibling["Id"][:12]}
        body["NetworkingConfig"] = {
            "EndpointsConfig": {
                network: {"Aliases": [a for a in place["Aliases"] or () if a not in own]}
                for network, place in sibling["NetworkSettings"]["Networks"].items()
            }
        }
        made = self._docker.post("/containers/create", body, name=name)
        path = f"/containers/{made['Id']}"
        try:
            self._docker.post(f"{path}/start")
        except EngineFailed:
            with suppress(EngineFailed):  # it does not remove one that has started after all
                self._docker.delete(path)
            raise

    def _drain(self, container: dict[str, Any]) -> None:
        """SIGTERM: it takes no more questions, and ends when those in flight are answered."""
        path = f"/containers/{container['Id']}"
        grace_s = container["Config"].get("StopTimeout") or STOP_S
        self._docker.post(f"{path}/stop", timeout_s=grace_s + STOP_MARGIN_S)
        self._docker.delete(path)


def _number(container: dict[str, Any]) -> int:
    return int(container["Config"]["Labels"][NUMBER])


def _is_ready(container: dict[str, Any]) -> bool:
    health = container["State"].get("Health")
    return health is None or health["Status"] == "healthy"
