"""`/v1/models`, the health checks `/healthz` (alive) and `/readyz` (can answer), and what is not
there though OpenAI's clients look for it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ModelNotFound
from contract.forms import MODEL_ALIAS
from gateway.api.admission import identify
from gateway.api.envelope import gateway_of
from gateway.api.page import READS
from gateway.errors import NoResponses

router = APIRouter()


@router.api_route("/v1/models", methods=list(READS))
async def models(request: Request) -> dict[str, Any]:
    gateway = gateway_of(request)
    identify(request, gateway)
    return {"object": "list", "data": gateway.pool.models()}


# The revision of a foreign server may be a hub name, with a slash in it.
@router.api_route("/v1/models/{model:any}", methods=list(READS))
async def model(model: str, request: Request) -> dict[str, Any]:
    """The alias is whichever revision answers this caller; a revision is itself. Raises
    ModelNotFound, and NoReplica where it cannot be known."""
    gateway = gateway_of(request)
    caller = identify(request, gateway)
    all_served = gateway.pool.models()
    if not all_served:
        raise gateway.pool.no_replica()
    revision = gateway.pool.choose_revision(caller.sticky_id()) if model == MODEL_ALIAS else model
    for served in all_served:
        if served["model_revision"] == revision:
            return {**served, "id": model}
    raise ModelNotFound("model")


@router.api_route("/v1/responses", methods=["GET", "HEAD", "POST", "DELETE"])
@router.api_route("/v1/responses/{rest:any}", methods=["GET", "HEAD", "POST", "DELETE"])
async def responses() -> None:
    """OpenAI's newer interface, which keeps conversations at the server. Raises NoResponses."""
    raise NoResponses


@router.api_route("/healthz", methods=list(READS))
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.api_route("/readyz", methods=list(READS))
async def readyz(request: Request) -> Response:
    gateway = gateway_of(request)
    parts = {"pool": gateway.pool.ready, "log": gateway.recorder.available}
    ready = all(parts.values())
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)
