"""Active readiness: what a replica says of itself when nobody asks it a question."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from contract.forms import MODEL_ALIAS
from gateway.pool.http.connection import BrokenError
from gateway.pool.http.hop import Hop
from gateway.pool.upstream import Upstream

# A ready replica answers in milliseconds; one whose event loop is blocked for so long is not.
PROBE_S = 2.0
# What /v1/models of the gateway repeats; other servers list paths and limits there too.
_PUBLIC = ("object", "created", "owned_by", "name", "demo", "parameters")


@dataclass(frozen=True)
class Found:
    """`model_id`: what the server calls its model; `model`: how the gateway lists it."""

    revision: str
    model_id: str | None
    model: dict[str, Any]


class NotReadyError(Exception):
    """Why a replica may not be asked, in words for the log."""


async def probe(hop: Hop, upstream: Upstream, known: Found | None) -> Found:
    """What is ready at the other end. The list of models is read when the revision is not what is
    `known`, or is told nowhere else. Raises NotReadyError, TimeoutError."""
    try:
        told, _ = await _get(hop, upstream.health, upstream)
        revision = told or upstream.revision
        if revision is not None and known is not None and revision == known.revision:
            return known
        _, listing = await _get(hop, "/v1/models", upstream)
        model = _listed(json.loads(listing)["data"], upstream.model)
        reported = told or model.get("model_revision")
        return _found(model, reported or upstream.revision or model["id"])
    except BrokenError as error:
        raise NotReadyError(str(error)[:200]) from None
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NotReadyError(repr(error)[:200]) from None
    except AttributeError:
        raise NotReadyError("its list of models is no list of models") from None


async def _get(hop: Hop, path: str, upstream: Upstream) -> tuple[str | None, bytes]:
    """The model's revision, if the server tells it, and the body."""
    async with (
        asyncio.timeout(PROBE_S),
        hop.request("GET", path, upstream.authorization) as answer,
    ):
        if answer.status != 200:
            raise NotReadyError(f"status {answer.status} at {path}")
        body = b"".join([chunk async for chunk in answer.chunks()])
        answer.finished = True
        return answer.headers.get("x-model-revision"), body


def _listed(models: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    return next((model for model in models if model["id"] == wanted), models[0])


def _found(model: dict[str, Any], revision: str) -> Found:
    # It becomes a header and a column of the log.
    if not (revision.isascii() and revision.isprintable() and 0 < len(revision) <= 64):
        raise ValueError("not a revision")
    public = {name: model[name] for name in _PUBLIC if name in model}
    public.setdefault("name", model["id"])
    listed = {"id": MODEL_ALIAS, "object": "model", **public, "model_revision": revision}
    return Found(revision, model["id"], listed)
