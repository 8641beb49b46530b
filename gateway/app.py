"""The public application: its routes, and what every request passes before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from contract.http import install_error_handlers
from gateway.api import feedback, images, models, moderations, users
from gateway.api.ask import AskEndpoint, form_question, json_question
from gateway.api.batch import batches, files
from gateway.api.guard import Guard, Refusals
from gateway.api.hosts import Hosts
from gateway.api.page import Page
from gateway.api.posts.fast_path import FastPath
from gateway.api.products import CardEndpoint, MatchEndpoint
from gateway.api.reference import routes as reference
from gateway.composition import running_gateway
from gateway.config import Settings
from gateway.identity.keys import parse_api_keys
from gateway.log.outbox.process.handle import WaitingForwarder


def create_app(
    settings: Settings, registry: CollectorRegistry, forwarder: WaitingForwarder | None = None
) -> Guard:
    """The public application. `forwarder`: the process that forwards its events, without which a
    thread does. Raises UnreadableKeysError."""
    parse_api_keys(settings.api_keys)  # a mistake in it ends the start before anything begins

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_gateway(settings, registry, forwarder=forwarder) as gateway:
            app.state.gateway = gateway
            yield

    app = FastAPI(
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would go to whatever host the client named
    )
    endpoints = (
        AskEndpoint("/v1/chat/completions", json_question, app.state),
        AskEndpoint("/v1/ask", form_question, app.state),
        CardEndpoint(app.state),
        MatchEndpoint(app.state),
    )
    ask_endpoints = {endpoint.path: endpoint for endpoint in endpoints}
    for path, endpoint in ask_endpoints.items():  # the router needs them too, for its 405
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    parts = (images, feedback, models, moderations, users, files, batches, reference)
    for part in parts:
        app.include_router(part.router)
    install_error_handlers(app, [route for part in parts for route in part.router.routes])
    if settings.web_dir is not None:
        # Mounted at "/" it would take every request that names another method than its route.
        app.router.default = GZipMiddleware(Page(settings.web_dir))
    return Guard(
        FastPath(ask_endpoints, app, streamed=[files.PATH]),
        Hosts(settings.allowed_hosts),
        settings.allowed_origins,
        Refusals(registry),
    )
