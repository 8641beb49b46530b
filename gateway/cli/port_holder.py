"""Which process holds a port: so that a person can end it, or sees that it is a stack of theirs."""

from contextlib import suppress


def holder_of(port: int) -> str:
    """A clause such as `process 4711 (nginx)`. Empty where the system does not tell, as of other
    users' processes, or where psutil is not installed: it comes with the extra `inference`."""
    with suppress(ImportError):
        import psutil

        with suppress(psutil.Error, OSError):  # macOS tells root alone
            for connection in psutil.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return _named(connection.pid)
    return ""


def _named(pid: int | None) -> str:
    import psutil

    if pid is None:
        return ""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        name, command = process.name(), process.cmdline()
        # `python` alone would not tell a person that it is the stack of another terminal.
        ours = ", a Shopsight gateway" if command[-2:] == ["-m", "gateway"] else ""
        return f"process {pid} ({name}{ours})"
    return f"process {pid}"
