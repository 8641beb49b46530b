"""What ops may change at run time, on the internal listener only."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.datastructures import State

from contract.errors import NoReplica
from gateway.pool.balancer import checked_weights
from gateway.pool.pool import Pool

Revision = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]


class NewWeights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weights: Annotated[dict[Revision, float], AfterValidator(checked_weights)]


def admin_router(state: State) -> APIRouter:
    """`state`: of the public application, whose parts are looked at and changed."""
    router = APIRouter(prefix="/admin")

    def pool() -> Pool:
        gateway = getattr(state, "gateway", None)
        if gateway is None:  # not yet started
            raise NoReplica
        found: Pool = gateway.pool
        return found

    def shown() -> dict[str, Any]:
        weights = pool().weights
        return {"version": weights.version, "weights": weights.in_force, "models": pool().models()}

    @router.get("/weights")
    async def get_weights() -> dict[str, Any]:
        return shown()

    @router.put("/weights")
    async def put_weights(new: NewWeights) -> dict[str, Any]:
        await pool().weights.change(new.weights)
        return shown()

    @router.delete("/weights")
    async def reset_weights() -> dict[str, Any]:
        await pool().weights.change(None)
        return shown()

    return router
