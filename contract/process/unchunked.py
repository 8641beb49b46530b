"""HTTP/1.0 knows no chunks: an answer whose length is not told ends with its connection. uvicorn
would send it in chunks all the same, and the client would take their sizes for text."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def send_unchunked(cycle: RequestResponseCycle) -> None:
    """Before anything of its answer is sent. uvicorn closes the connection behind it anyway."""
    send = cycle.send

    async def send_as_it_is(message: Any) -> None:
        cycle.expected_content_length = len(message.get("body", b""))  # it counts down to 0
        await send(message)

    cycle.chunked_encoding = False
    cycle.send = send_as_it_is  # type: ignore[method-assign]
