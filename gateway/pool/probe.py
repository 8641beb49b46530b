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


class NotReadyError(Exception):
    """Why a replica may not be asked, in words for the log."""


async def probe(
    http: httpx.AsyncClient, url: str, upstream: Upstream, known: Found | None
) -> Found:
    """What is ready at `url`. The list of models is read when the revision is not what is `known`,
    or is told nowhere else. Raises NotReadyError, httpx.TimeoutException."""
    try:
        answer = await _get(http, url + upstream.health, upstream)
        revision = answer.headers.get("x-model-revision") or upstream.revision
        if revision is not None and known is not None and revision == known.revision:
            return known
        listing = await _get(http, f"{url}/v1/models", upstream)
        model = _listed(listing.json()["data"], upstream.model)
        reported = answer.headers.get("x-model-revision") or model.get("model_revision")
        return _found(model, reported or upstream.revision or model["id"])
    except httpx.TimeoutException:
        raise
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise NotReadyError(repr(error)[:200]) from None
    except AttributeError:
        raise NotReadyError("its list of models is no list of models") from None


async def _get(http: httpx.AsyncClient, url: str, upstream: Upstream) -> httpx.Response:
    answer = await http.get(url, headers=upstream.authorization, timeout=PROBE_S)
    if answer.status_code != 200:
        raise NotReadyError(f"status {answer.status_code} at {answer.url.path}")
    return answer


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
