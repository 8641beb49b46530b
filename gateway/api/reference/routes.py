"""`/openapi.json` and `/reference`. Neither needs a key: they say nothing of anybody."""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, JSONResponse

from gateway.api.page import HEADERS, READS
from gateway.api.reference.document import document
from gateway.api.reference.page import page

router = APIRouter()


@router.api_route("/openapi.json", methods=list(READS))
async def openapi() -> Response:
    return JSONResponse(document(), headers={"cache-control": "no-cache"})


@router.api_route("/reference", methods=list(READS))
async def reference() -> Response:
    return HTMLResponse(page(), headers=HEADERS)
