"""A PyMySQL connection that does not block the event loop while it connects."""

import ssl
from typing import Any

from pymysql.connections import Connection  # type: ignore[import-untyped]


class LazyCaConnection(Connection):  # type: ignore[misc]
    """Loads the system's CA certificates only if a certificate is to be checked. Without that
    demand PyMySQL encrypts if the server can, and checks nothing. It loads the certificates all the
    same, at each connect: 20 ms under the interpreter's lock, in which no answer is sent."""

    def _create_ssl_ctx(self, options: Any) -> Any:
        if options:
            return super()._create_ssl_ctx(options)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
