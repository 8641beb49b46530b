"""`/v1/models`, and the health checks `/healthz` (alive) and `/readyz` (can answer)."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from gateway.api.envelope import gateway_of

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": gateway_of(request).pool.models()}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    gateway = gateway_of(request)
    parts = {"pool": gateway.pool.ready, "log": gateway.recorder.available}
    ready = all(parts.values())
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)
