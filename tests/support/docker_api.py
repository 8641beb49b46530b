"""As much of Docker's API on a socket as the autoscaler speaks, in the form that Docker 26 answers.
The real one is asked by tests/compose. Here it is made to refuse, too."""

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LABEL = "com.docker.compose"


def container(number: int, **host: Any) -> dict[str, Any]:
    labels = {"project": "shop", "service": "inference", "oneoff": "False"}
    return {
        "Id": f"{number:012x}" + 52 * "0",
        "Name": f"/shop-inference-{number}",
        "Image": "sha256:abc",
        "State": {"Running": True, "Health": {"Status": "healthy"}},
        "Config": {
            "Hostname": f"{number:012x}",
            "Image": "shopsight/inference:v1",
            "Env": ["HF_HUB_OFFLINE=1"],
            "StopTimeout": 40,
            "Labels": {f"{LABEL}.{name}": value for name, value in labels.items()}
            | {f"{LABEL}.container-number": str(number)},
        },
        "HostConfig": {"Memory": 2 << 30, "NetworkMode": "shop_models", **host},
        "NetworkSettings": {
            "Networks": {
                "shop_models": {
                    "Aliases": [f"shop-inference-{number}", "inference", f"{number:012x}"],
                    "IPAddress": "10.0.0.9",
                }
            }
        },
    }


class FakeEngine:
    """A service of Swarm and containers of compose; `said` are the changes that came."""

    def __init__(self) -> None:
        self.replicas = 2
        self.ready: int | None = None
        """Fewer than the replicas, where not all have started."""
        self.version = 7
        self.update_state = ""
        self.containers = {each["Id"]: each for each in (container(1), container(2))}
        self.said: list[tuple[str, str, Any]] = []

    @property
    def service(self) -> dict[str, Any]:
        return {
            "ID": "s1",
            "Version": {"Index": self.version},
            "Spec": {"Name": "shop_inference", "Mode": {"Replicated": {"Replicas": self.replicas}},
                     "TaskTemplate": {"ContainerSpec": {"Image": "shopsight/inference:v1"}}},
            "UpdateStatus": {"State": self.update_state},
        }  # fmt: skip

    def answer(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
        path = parts.path.removeprefix("/v1.44")
        if method != "GET":
            self.said.append((method, path, body))
        if path == "/services":
            longer = {**self.service, "Spec": {**self.service["Spec"], "Name": "shop_inference2"}}
            return 200, [longer, self.service]
        if path == "/tasks":
            ready = self.replicas if self.ready is None else self.ready
            states = ["running"] * ready + ["starting"] * (self.replicas - ready)
            return 200, [{"Status": {"State": state}} for state in states]
        if path == "/services/s1/update":
            if query["version"] != [str(self.version)]:
                return 500, {"message": "update out of sequence"}
            self.replicas = body["Mode"]["Replicated"]["Replicas"]
            self.version += 1
            return 200, {}
        return self._of_containers(method, path, query, body)

    def _of_containers(self, method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        if path == "/containers/json":
            assert query["all"] == ["true"]
            return 200, [{"Id": each} for each in self.containers]
        if path == "/containers/create":
            made = container(int(body["Labels"][f"{LABEL}.container-number"]))
            assert query["name"] == [made["Name"].strip("/")]
            self.containers[made["Id"]] = made
            return 201, {"Id": made["Id"]}
        found = re.fullmatch(r"/containers/(\w+)(/\w+)?", path)
        assert found, path
        if method == "DELETE":
            del self.containers[found[1]]
        if method == "GET":
            return 200, self.containers[found[1]]
        return 204, None


@contextmanager
def docker_socket(path: Path, engine: FakeEngine) -> Iterator[Path]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, told = engine.answer(self.command, self.path, body)
            data = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield path
        finally:
            server.shutdown()
