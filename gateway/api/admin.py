"""What ops may change at run time, on the internal listener only."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.datastructures import State

from contract.errors import InvalidField, NoReplica
from gateway.cache.redis import RedisUnavailableError
from gateway.errors import CacheUnavailable
from gateway.gateway import Gateway
from gateway.pool.balancer import checked_weights
from gateway.pool.pool import Pool

Revision = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Tenant = Annotated[str, Query(pattern=r"^[!-~]{1,64}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NewWeights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weights: Annotated[dict[Revision, float], AfterValidator(checked_weights)]


def admin_router(public: State) -> APIRouter:
    """`public`: where the public application keeps the parts that are looked at and changed."""
    router = APIRouter(prefix="/admin")

    def gateway() -> Gateway:
        found: Gateway | None = getattr(public, "gateway", None)
        if found is None:  # not yet started
            raise NoReplica
        return found

    def pool() -> Pool:
        return gateway().pool

    def shown() -> dict[str, Any]:
        weights = pool().weights
        return {"version": weights.version, "weights": weights.in_force, "models": pool().models()}

    @router.get("/weights")
    async def get_weights() -> dict[str, Any]:
        return shown()

    @router.put("/weights")
    async def put_weights(new: NewWeights) -> dict[str, Any]:
        await pool().weights.change(new.weights)
        await gateway().audit.add_internal("weights set", weights=new.weights)
        return shown()

    @router.delete("/weights")
    async def reset_weights() -> dict[str, Any]:
        await pool().weights.change(None)
        await gateway().audit.add_internal("weights reset")
        return shown()

    @router.delete("/answers")
    async def purge(
        image: Digest | None = None,
        revision: Revision | None = None,
        interaction: uuid.UUID | None = None,
    ) -> dict[str, int]:
        """Forget answers: about a photo, of a revision, or the one an interaction was given."""
        found = gateway()
        key = None
        if interaction is not None:
            key = await found.log.answer_key(interaction)
        elif image is None and revision is None:  # not all of them by a forgotten parameter
            raise InvalidField("image")
        try:
            purged = await found.answers.purge(image=image, revision=revision, key=key)
        except RedisUnavailableError:
            raise CacheUnavailable from None
        # Not the photo's digest: it may be a person's.
        by = {"photo": image is not None, "revision": revision, "interaction": str(interaction)}
        await found.audit.add_internal("answers purged", purged=purged, **by)
        return {"purged": purged}

    @router.delete("/users")
    async def erase(tenant: Tenant, user: Annotated[str, Query(min_length=1)]) -> dict[str, Any]:
        """As DELETE /v1/users/{id}/data, for whichever tenant; the id is no part of the address."""
        return (await gateway().erasing.of_user(tenant, user)).wire()

    return router
