"""Administration at run time: weights, canaries, cached answers, erasure. It and the metrics have
ports of their own."""

import hmac
import uuid
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.datastructures import State

from contract.errors import InvalidField, NoReplica
from contract.http import install_error_handlers
from gateway.api.analysts.photos import photos_router
from gateway.api.analysts.reports import reports_router
from gateway.api.canary.routes import add_canary
from gateway.api.guard import Guard
from gateway.api.hosts import Hosts
from gateway.api.overview.routes import add_figures, add_page
from gateway.cache.redis import RedisUnavailableError
from gateway.errors import CacheUnavailable, InvalidKey
from gateway.gateway import Gateway
from gateway.pool.balancer import checked_weights
from gateway.pool.pool import Pool
from gateway.telemetry.last_hour import LastHour

Revision = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Tenant = Annotated[str, Query(pattern=r"^[!-~]{1,64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NewWeights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weights: Annotated[dict[Revision, float], AfterValidator(checked_weights)]


def create_internal_app(hosts: Hosts, registry: CollectorRegistry) -> Guard:
    """Metrics, on a port of their own that is never published."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    install_error_handlers(app)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Guard(app, hosts)


def create_admin_app(
    host: str, public: State, token: str, reports: Path, last_hour: LastHour
) -> Guard:
    """Administration, on a third port. A name that is not local must be `host`: the public names of
    the page lead here only by DNS rebinding."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(admin_router(public, token, last_hour))
    app.include_router(reports_router(reports, token))
    app.include_router(photos_router(lambda: running(public).uploading.uploads, token))
    add_page(app)
    install_error_handlers(app)
    return Guard(app, Hosts([host]))


def running(public: State) -> Gateway:
    """Raises NoReplica where it has not started yet."""
    gateway: Gateway | None = getattr(public, "gateway", None)
    if gateway is None:
        raise NoReplica
    return gateway


def admin_router(public: State, token: str, last_hour: LastHour) -> APIRouter:
    """`public`: the state of the public application, which holds the running gateway. `token`: what
    each request has to bring; empty: nothing."""

    def check_token(request: Request) -> None:
        wanted = f"Bearer {token}".encode()
        given = request.headers.get("authorization", "").encode()
        if token and not hmac.compare_digest(given, wanted):
            raise InvalidKey

    router = APIRouter(prefix="/admin", dependencies=[Depends(check_token)])

    def running_gateway() -> Gateway:
        return running(public)

    add_figures(router, last_hour, running_gateway)
    add_canary(router, lambda: running_gateway().canarying)

    def pool() -> Pool:
        return running_gateway().pool

    def current_weights() -> dict[str, Any]:
        """`not_ready`: revisions with a weight that no ready replica serves, such as a mistyped
        one. They may be set before their replicas start."""
        weights = pool().weights
        return {
            "version": weights.version,
            "weights": weights.in_force,
            "not_ready": sorted(weights.in_force.keys() - pool().ready_revisions),
            "models": pool().models(),
        }

    @router.get("/weights")
    async def get_weights() -> dict[str, Any]:
        return current_weights()

    @router.put("/weights")
    async def put_weights(new: NewWeights) -> dict[str, Any]:
        await pool().weights.change(new.weights)
        await running_gateway().audit.add_internal("weights set", weights=new.weights)
        return current_weights()

    @router.delete("/weights")
    async def reset_weights() -> dict[str, Any]:
        await pool().weights.change(None)
        await running_gateway().audit.add_internal("weights reset")
        return current_weights()

    @router.delete("/answers")
    async def purge(
        image: Digest | None = None,
        revision: Revision | None = None,
        interaction: uuid.UUID | None = None,
    ) -> dict[str, int]:
        """Purge cached answers: about a photo, of a revision, or the answer of one interaction."""
        gateway = running_gateway()
        key = None
        if interaction is not None:
            key = await gateway.log.answer_key(interaction)
        elif image is None and revision is None:  # a forgotten parameter must not purge all of them
            raise InvalidField("image", fault="missing")
        try:
            purged = await gateway.answers.purge(image=image, revision=revision, key=key)
        except RedisUnavailableError:
            raise CacheUnavailable from None
        # The audit does not name the photo's digest, which may belong to a person.
        filters = {
            "photo": image is not None,
            "revision": revision,
            "interaction": str(interaction),
        }
        await gateway.audit.add_internal("answers purged", purged=purged, **filters)
        return {"purged": purged}

    @router.delete("/users")
    async def erase(tenant: Tenant, user: Annotated[str, Query(min_length=1)]) -> dict[str, Any]:
        """Like DELETE /v1/users/{id}/data, for any tenant. The id is a query parameter."""
        return (await running_gateway().erasing.of_user(tenant, user)).wire()

    return router
