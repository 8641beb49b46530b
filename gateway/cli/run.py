"""`shopsight run`: the embedded default stays up until Ctrl-C. A process of it that dies is started
again."""

import signal
import socket
import sys
import time
from typing import NoReturn

import httpx

from contract.process.home import home
from gateway.cli import demo_checkpoint
from gateway.cli.children import Child
from gateway.cli.embedded import Stack, embedded_stack
from gateway.config import Settings

# How soon it is noticed that a process has ended.
WATCH_S = 0.2
LAST_LINES = 10


def run(bind: str, port: int) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the stack, as Ctrl-C does
    try:
        _stay_up(bind, port)
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
    return 0


def _stay_up(bind: str, port: int) -> NoReturn:
    settings = Settings()
    # Where the other commands look: the home, or what the settings name.
    places = {
        "DATABASE_URL": settings.database_url,
        "SPOOL_DIR": str(settings.spool_dir),
        "IMAGE_DIR": str(settings.image_dir),
        "FILE_DIR": str(settings.file_dir),
    }

    def loading() -> None:
        print("Loading the model …", flush=True)

    with embedded_stack(home(), bind=bind, port=port, loading=loading, **places) as stack:
        print(f"Shopsight is up: {stack.url}   (logs in {stack.data}; Ctrl-C stops it)", flush=True)
        print(f"Metrics: {stack.internal_url}/metrics   Administration: shopsight admin")
        if bind == "0.0.0.0":  # noqa: S104 - asked for by name
            print(f"From a phone in this network: http://{_address()}:{port}", flush=True)
        with httpx.Client(base_url=stack.replica_url, trust_env=False) as replica:
            demo_checkpoint.tell(replica)
        try:
            _watch(stack)
        except KeyboardInterrupt:
            print("Stopping when all answers are out. Ctrl-C again: at once.", flush=True)
            raise


def _watch(stack: Stack) -> NoReturn:
    """Raises SystemExit once starting a process again does not help."""
    while True:
        for child in stack.children:
            child.bound_log()
            if child.has_ended():
                _start_again(child)
        time.sleep(WATCH_S)


def _start_again(child: Child) -> None:
    why = child.why_it_ended()
    if child.too_often():
        lines = "\n  ".join(child.last_lines(LAST_LINES))
        raise SystemExit(
            f"{why}\nThat was the third time within a minute: everything stops."
            f" The end of {child.log}:\n  {lines}"
        )
    print(f"{why}\n{child.title} is started again.", file=sys.stderr, flush=True)
    child.start()


def _address() -> str:
    """This machine's address in the local network: the source address of an outgoing packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation range; connecting UDP sends nothing
        except OSError:
            return "this-machine"
        address: str = probe.getsockname()[0]
        return address
