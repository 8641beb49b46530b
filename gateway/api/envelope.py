"""What every public endpoint shares: the interaction's ids, response headers, error responses."""

from fastapi import Request, Response
from starlette.convertors import Convertor, register_url_convertor

from contract.errors import ShopsightError
from contract.http import json_error, request_id
from contract.text.language import preferred_language
from gateway.cache.control import cache_control
from gateway.errors import UndecodableText
from gateway.gateway import Gateway
from gateway.identity.sessions import SESSION_HEADER
from gateway.log.client import SOURCE_HEADER, client_of, source_of
from gateway.log.interaction import Interaction


class AnyText(Convertor[str]):
    """A part of an address that is any text. Starlette's `path` ends at a line's end."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", AnyText())  # before any route names it


def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def new_interaction(request: Request, kind: str, route: str) -> Interaction:
    """`route`: of the endpoint, the name in rows and metrics. Never the address as it was sent,
    where anybody may write anything."""
    return Interaction(
        request_id(request.headers),
        kind=kind,
        route=route,
        control=cache_control(request.headers.get("cache-control")),
        client=client_of(request.headers.get("user-agent", "")),
        source=source_of(request.headers.get(SOURCE_HEADER)),
    )


def error_response(
    error: ShopsightError, request: Request, gateway: Gateway, interaction: Interaction
) -> Response:
    """The error in the language of the question, or of what came of one, else of the client; its
    `param` in the words of the client's form; with the ids of an answer."""
    if interaction.asked is not None:
        error = interaction.asked.placed(error)
    language = preferred_language(request.headers.get("accept-language"))
    guessed = isinstance(error, UndecodableText)
    told = None if guessed and "accept-language" in request.headers else error.language
    for known in (interaction.language, told):
        if known in ("zh", "en"):
            language = known
            break
    return json_error(error, language, response_headers(gateway, interaction))


def owner(gateway: Gateway, interaction: Interaction) -> dict[str, str]:
    """For an answer's own JSON: a library may show its caller the body and no headers."""
    token = gateway.callers.token(interaction.caller)
    return {"session": token} if token else {}


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
    if token := gateway.callers.token(interaction.caller):
        headers[SESSION_HEADER] = token
    return headers
