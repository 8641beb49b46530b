"""What every public endpoint shares: the interaction's ids, response headers, error responses."""

import re
import uuid

from fastapi import Request, Response

from contract.errors import ShopsightError
from contract.http import json_error
from contract.language import preferred_language
from gateway.cache.control import cache_control
from gateway.gateway import Gateway
from gateway.log.client import client_of
from gateway.log.interaction import Interaction

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def new_interaction(request: Request, kind: str = "ask") -> Interaction:
    request_id = request.headers.get("x-request-id", "")
    return Interaction(
        request_id if _REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex,
        kind=kind,
        route=request.scope["path"],
        control=cache_control(request.headers.get("cache-control")),
        client=client_of(request.headers.get("user-agent", "")),
    )


def error_response(
    error: ShopsightError, request: Request, gateway: Gateway, interaction: Interaction
) -> Response:
    """The error in the language of the question, else of the client; with the ids of an answer."""
    language = preferred_language(request.headers.get("accept-language"))
    if interaction.language in ("zh", "en"):
        language = interaction.language
    return json_error(error, language, response_headers(gateway, interaction))


def response_headers(gateway: Gateway, interaction: Interaction) -> dict[str, str]:
    headers = {
        "x-request-id": interaction.request_id,
        "x-interaction-id": str(interaction.id),
        "server-timing": interaction.server_timing,
    }
    if interaction.cache:
        headers["x-cache"] = interaction.cache
    if interaction.age_s is not None:
        headers["age"] = str(interaction.age_s)
    if interaction.revision:
        headers["x-model-revision"] = interaction.revision
    if cookie := gateway.callers.cookie(interaction.caller):
        headers["set-cookie"] = cookie
    return headers
