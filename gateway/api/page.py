"""The shopper's page as static files, for the embedded default. In compose nginx serves it."""

from os import stat_result
from pathlib import Path
from typing import Any

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.errors import RangeNotSatisfiable

# Methods of what is only looked at.
READS = ("GET", "HEAD")

# nginx/ sends the same headers. They forbid foreign and inline scripts and styles.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # The browser revalidates each time (304): an old page must not meet a newer server.
    "cache-control": "no-cache",
}


class FileContent(FileResponse):
    """Starlette refuses a `Range` in plain text. Here that is an error like all others. One of
    another unit, or for another method than GET, is passed over (RFC 9110, 14.2)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_part(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                error = RangeNotSatisfiable()
                if length := Headers(raw=message["headers"]).get("content-range"):
                    error.headers = {"content-range": length}
                raise error
            await send(message)

        wanted = Headers(scope=scope).get("range", "").lower()
        if scope["method"] != "GET" or not wanted.startswith("bytes="):
            headers = [header for header in scope["headers"] if header[0] != b"range"]
            scope = {**scope, "headers": headers}
        await super().__call__(scope, receive, send_part)


class Page(StaticFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, 404, or 405 for another method at a file's address. Never a redirect: it would
        lead to whatever host the client has named."""
        reads = scope["method"] in READS
        response = await super().get_response(path, scope if reads else {**scope, "method": "GET"})
        if isinstance(response, RedirectResponse):
            raise HTTPException(404)
        if not reads:
            raise HTTPException(405, headers={"allow": ", ".join(READS)})
        return response

    def file_response(
        self, path: Any, stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(path, stat_result, scope, status_code)
        if isinstance(response, FileResponse):  # else it has not changed
            response = FileContent(path, status_code, stat_result=stat_result)
        response.headers.update(HEADERS)
        return response
