"""Work for helpers that misbehaves on demand, for tests of the limits that it meets."""

import os
import signal
import socket
import time
from typing import Any

from contract.errors import ImageUndecodable
from contract.sandbox.fork_server import Work


def prepare(payload: bytes) -> Work:
    def work(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        return _WAYS[head["do"]](head, payload, body)

    return work


def _echo(head: dict[str, Any], payload: bytes, body: bytes) -> tuple[dict[str, Any], bytes]:
    return {"pid": os.getpid(), "payload": payload.decode()}, body


def _compute(head: dict[str, Any], *_: bytes) -> tuple[dict[str, Any], bytes]:
    until = time.process_time() + head["seconds"]
    while time.process_time() < until:
        pass
    return {}, b""


def _sleep(head: dict[str, Any], *_: bytes) -> tuple[dict[str, Any], bytes]:
    time.sleep(head["seconds"])
    return {}, b""


def _allocate(head: dict[str, Any], *_: bytes) -> tuple[dict[str, Any], bytes]:
    return {"bytes": len(bytearray(head["bytes"]))}, b""


def _die(head: dict[str, Any], *_: bytes) -> tuple[dict[str, Any], bytes]:
    os.kill(os.getpid(), head.get("of", signal.SIGSEGV))
    return {}, b""


def _refuse(*_: Any) -> tuple[dict[str, Any], bytes]:
    raise ImageUndecodable


def _fail(*_: Any) -> tuple[dict[str, Any], bytes]:
    raise RuntimeError("a fault of ours")


def _open_file(*_: Any) -> tuple[dict[str, Any], bytes]:
    with open("/etc/hostname") as file:
        return {"found": file.read()}, b""


def _connect(head: dict[str, Any], *_: bytes) -> tuple[dict[str, Any], bytes]:
    socket.create_connection(("127.0.0.1", head["port"]), timeout=1)
    return {}, b""


def _spawn(*_: Any) -> tuple[dict[str, Any], bytes]:
    pid = os.fork()
    if not pid:
        os._exit(0)
    return {}, b""


def _inherited(*_: Any) -> tuple[dict[str, Any], bytes]:
    descriptors = [n for n in range(256) if _is_open(n)]
    return {"open": descriptors, "environment": sorted(os.environ)}, b""


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


_WAYS: dict[str, Any] = {
    "echo": _echo,
    "compute": _compute,
    "sleep": _sleep,
    "allocate": _allocate,
    "die": _die,
    "refuse": _refuse,
    "fail": _fail,
    "open": _open_file,
    "connect": _connect,
    "spawn": _spawn,
    "inherited": _inherited,
}
