"""A connection of PyMySQL that is made without holding up the event loop."""

import ssl
from typing import Any

from pymysql.connections import Connection  # type: ignore[import-untyped]


class LightConnection(Connection):  # type: ignore[misc]
    """Where no certificate is asked for, PyMySQL encrypts if the server can and checks nothing. Yet
    it reads the system's certificates at each attempt to connect: 20 ms with the interpreter's lock
    held, in which no answer goes out."""

    def _create_ssl_ctx(self, asked: Any) -> Any:
        if asked:
            return super()._create_ssl_ctx(asked)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
