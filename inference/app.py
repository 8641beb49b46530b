"""Composition root of a replica."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from contract.http import install_error_handlers
from inference import routes
from inference.config import Settings
from inference.replica import Replica


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Loading blocks on purpose: no port is open before the weights are in memory.
        replica = app.state.replica = Replica.load(settings)
        await replica.warm()
        yield
        await replica.drain()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes.router)
    install_error_handlers(app)
    return app
