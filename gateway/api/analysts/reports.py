"""The reports of the folder, on the port of administration: a list, and each as it was made."""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, HTMLResponse

from contract.errors import NotFound
from gateway.api.analysts.entry import ASK_FOR_TOKEN, may_read
from gateway.report.folder import NAME, names

# A report is a page of ours with text out of the log: nothing in it may run or be fetched.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def reports_router(folder: Path, token: str) -> APIRouter:
    """`token`: that of administration."""
    router = APIRouter(prefix="/admin/reports")

    @router.get("")
    async def list_all(request: Request) -> Response:
        if not may_read(request.headers.get("authorization", ""), token):
            return Response("401", 401, ASK_FOR_TOKEN)
        items = "".join(f'<li><a href="reports/{n}">{escape(n)}</a></li>' for n in names(folder))
        page = f'<!doctype html><meta charset="utf-8"><title>Reports</title><ul>{items}</ul>'
        return HTMLResponse(
            page, headers=HEADERS | {"content-security-policy": "default-src 'none'"}
        )

    @router.get("/{name}")
    async def one(name: str, request: Request) -> Response:
        if not may_read(request.headers.get("authorization", ""), token):
            return Response("401", 401, ASK_FOR_TOKEN)
        if not NAME.fullmatch(name) or not (folder / name).is_file():
            raise NotFound
        return FileResponse(folder / name, media_type="text/html", headers=HEADERS)

    return router
