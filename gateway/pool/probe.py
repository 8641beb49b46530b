"""Active readiness: what a replica says of itself when nobody asks it a question."""

from dataclasses import dataclass
from typing import Any

import httpx

from contract.forms import MODEL_ALIAS
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


async def probe(
    http: httpx.AsyncClient, url: str, upstream: Upstream, known: Found | None
) -> Found | None:
    """What is ready at `url`, or None. The list of models is read when the revision is not what is
    `known`, or is told nowhere else. Raises httpx.TimeoutException."""
    try:
        headers = upstream.authorization
        answer = await http.get(url + upstream.health, headers=headers, timeout=PROBE_S)
        if answer.status_code != 200:
            return None
        revision = answer.headers.get("x-model-revision") or upstream.revision
        if revision is not None and known is not None and revision == known.revision:
            return known
        listing = await http.get(f"{url}/v1/models", headers=headers, timeout=PROBE_S)
        model = _listed(listing.raise_for_status().json()["data"], upstream.model)
        reported = answer.headers.get("x-model-revision") or model.get("model_revision")
        return _found(model, reported or upstream.revision or model["id"])
    except httpx.TimeoutException:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError):
        return None


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
