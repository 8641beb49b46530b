"""What the administration's port serves of a gateway's last hour: figures, and a page of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from gateway.api.page import Page
from gateway.gateway import Gateway
from gateway.telemetry.last_hour import LastHour

FOLDER = Path(__file__).parent / "page"


def add_figures(router: APIRouter, last_hour: LastHour, gateway: Callable[[], Gateway]) -> None:
    """GET /admin/last-hour. `gateway` answers the running one; raises NoReplica before."""

    @router.get("/last-hour")
    async def figures() -> dict[str, Any]:
        last_hour.tick()
        canary = gateway().canarying.last_known()
        return last_hour.wire(canary["weights"]) | {"canary": canary}


def add_page(app: FastAPI) -> None:
    """The page itself knows nothing: with a token it asks for it, and reads the figures with it."""
    app.router.default = Page(FOLDER)
