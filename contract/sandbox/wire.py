"""One message between a service and a helper: a small JSON object and bytes. No pickle: what a
helper that was taken over sends must not run in the service."""

import json
import socket
import struct
from typing import Any

HEADER = struct.Struct("<II")
# Of the JSON object.
MAX_HEAD_BYTES = 64 * 1024


class BrokenMessageError(Exception):
    """What came is no message, or more than was agreed."""


def packed(head: dict[str, Any], body_bytes: int) -> bytes:
    """The front of a message; the body follows it."""
    text = json.dumps(head).encode()
    return HEADER.pack(len(text), body_bytes) + text


def lengths(header: bytes | bytearray, max_body_bytes: int) -> tuple[int, int]:
    head, body = HEADER.unpack_from(header)
    if head > MAX_HEAD_BYTES or body > max_body_bytes:
        raise BrokenMessageError
    return head, body


def head_of(text: bytes | bytearray) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenMessageError from None
    if not isinstance(head, dict):
        raise BrokenMessageError
    return head


def receive(connection: socket.socket, max_body_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Blocks. Raises EOFError when the other side is gone."""
    header = receive_exactly(connection, HEADER.size)
    head, body = lengths(header, max_body_bytes)
    return head_of(receive_exactly(connection, head)), bytes(receive_exactly(connection, body))


def receive_exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    rest = memoryview(data)
    while rest:
        received = connection.recv_into(rest)
        if received == 0:
            raise EOFError
        rest = rest[received:]
    return data
