"""A TCP proxy before MariaDB. It can be pointed at another server. It says when a client has sent a
COMMIT, so that a drill can strike just then; the client is not told what became of it."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

# A packet of 7 bytes, number 0: COM_QUERY with this text.
COMMIT = b"\x07\x00\x00\x00\x03COMMIT"


class Proxy:
    """Connections that are open stay with the server that they were made to."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed = threading.Event()
        self._committing = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def point_at(self, server_port: int) -> None:
        """From now on, as when a name in DNS or a virtual IP moves."""
        self._server_port = server_port

    def at_next_commit(self, delay_s: float, strike: Callable[[], None]) -> None:
        """Strike so long after a COMMIT has gone to the server."""
        self._committing.clear()
        self._armed.set()
        assert self._committing.wait(30), "nobody commits"
        time.sleep(delay_s)
        strike()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed: the drill is over
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            mute = threading.Event()
            for ends in ((client, server, mute), (server, client, mute)):
                threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, mute: threading.Event) -> None:
        """`mute` is the connection's: set by the one direction, heeded by the other."""
        with suppress(OSError):
            while data := source.recv(65536):
                commits = data.endswith(COMMIT) and self._armed.is_set()
                if commits:
                    self._armed.clear()
                    mute.set()
                if commits or not mute.is_set():
                    target.sendall(data)
                if commits:
                    self._committing.set()
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
