"""Turns what `docker compose config --format json` says (standard input) into what `docker stack
deploy` takes: FOLDER/stack.json, and a file for each configuration beside it. Nothing but Python.

Both read compose files, but the stack's form is the older one: limits are in `deploy`, nothing
waits for another service, a tmpfs has no owner, and a configuration is a file. What Swarm cannot do
is refused or told on standard error."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Service = dict[str, Any]

# Compose's own, or without a meaning where images come from a registry.
DROPPED = ("build", "depends_on", "profiles", "restart", "cpus", "mem_limit", "pids_limit", "tmpfs")
RESTARTS = {"unless-stopped": "any", "always": "any", "on-failure": "on-failure", "no": "none"}
SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Unfit(Exception):
    """Something that would not be the same on another machine."""


def stack(compose: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """The stack, the files of its configurations by their names, and what to tell ops."""
    told: list[str] = []
    services = {}
    for name, service in compose["services"].items():
        services[name] = converted(name, service)
        if service.get("security_opt"):
            del services[name]["security_opt"]
            told.append(
                f"{name}: stacks know no security_opt ({', '.join(service['security_opt'])})"
            )
        told += [f"{name}: port {port['published']} is published on every address of its machine"
                 for port in services[name].get("ports", ())]  # fmt: skip
    files = {n: c["content"].replace("$$", "$") for n, c in compose.get("configs", {}).items()}
    return (
        {
            "services": services,
            "networks": {
                name: {"driver": "overlay", "internal": bool(network.get("internal"))}
                for name, network in compose["networks"].items()
            },
            "volumes": {name: {} for name in compose.get("volumes", {})},
            "configs": {name: {"file": f"./{name}"} for name in files},
            "secrets": {n: {"file": s["file"]} for n, s in compose.get("secrets", {}).items()},
        },
        files,
        told,
    )


def converted(name: str, service: Service) -> Service:
    """Raises Unfit."""
    deploy = {"endpoint_mode": "dnsrr", **service.get("deploy", {})}
    # Who balances by every address wants no virtual one: nginx, and the pool of each gateway.
    limits = {"cpus": str(service["cpus"])} if service.get("cpus") else {}
    for ours, theirs in (("mem_limit", "memory"), ("pids_limit", "pids")):
        if service.get(ours):
            limits[theirs] = service[ours]
    deploy["resources"] = {**(deploy.get("resources") or {}), "limits": limits}
    restart = {"condition": RESTARTS[service.get("restart", "no")], "delay": "2s"}
    deploy.setdefault("restart_policy", restart)
    kept = {
        key: value for key, value in service.items() if key not in DROPPED and value is not None
    }
    volumes = [*_volumes(name, service), *_memory(service)]
    return {**kept, "deploy": deploy, "volumes": volumes, "ports": [*_ports(service)]}


def _volumes(name: str, service: Service) -> Iterator[dict[str, Any]]:
    for volume in service.get("volumes", ()):
        if volume["type"] == "bind" and not volume["source"].endswith(".sock"):
            raise Unfit(f"{name} mounts the folder {volume['source']}, which other machines lack")
        if volume["type"] == "bind":
            volume = {key: value for key, value in volume.items() if key != "bind"}
        yield volume


def _memory(service: Service) -> Iterator[dict[str, Any]]:
    """A stack's tmpfs is open to all users of the container, since it has no owner."""
    for line in service.get("tmpfs", ()):
        target, _, options = line.partition(":")
        size = re.search(r"size=(\d+)([kmg]?)", options)
        limit = {"size": int(size[1]) * SIZES.get(size[2], 1)} if size else {}
        yield {"type": "tmpfs", "target": target, "tmpfs": limit}


def _ports(service: Service) -> Iterator[dict[str, Any]]:
    for port in service.get("ports", ()):
        yield {"target": port["target"], "published": int(port["published"]),
               "protocol": port["protocol"], "mode": port["mode"]}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    try:
        whole, files, told = stack(json.load(sys.stdin))
    except Unfit as error:
        print(error, file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    (folder / "stack.json").write_text(json.dumps(whole, indent=1))
    print(*told, sep="\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
