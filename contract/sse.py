"""Server-sent events as OpenAI frames them: `data: {json}` blocks, closed by `data: [DONE]`."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"


def frame(payload: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


async def payloads(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str]:
    """The data of each event of a byte stream, however it is cut, up to and without `[DONE]`.

    Raises EOFError when the stream ends before `[DONE]`: the answer is then incomplete.
    """
    rest = b""
    lines: list[str] = []
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            line = raw.rstrip(b"\r").decode("utf-8")
            if line.startswith("data:"):
                lines.append(line[5:].removeprefix(" "))
                if lines == ["[DONE]"]:  # some servers send no blank line behind it
                    return
            elif not line and lines:
                data = "\n".join(lines)
                lines.clear()
                yield data
    if lines or rest.rstrip() not in (b"data: [DONE]", b"data:[DONE]"):
        raise EOFError("stream ended before [DONE]")
