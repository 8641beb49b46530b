"""Active health check: asks a replica whether it is ready, and which model it serves."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from contract.forms import MODEL_ALIAS
from contract.products.calibration import NOT_CALIBRATED, Calibration
from gateway.pool.http.connection import UpstreamError
from gateway.pool.http.connection_pool import ConnectionPool
from gateway.pool.upstreams.upstream import Upstream

# A ready replica answers in milliseconds. If its event loop blocks for so long, it is not ready.
PROBE_TIMEOUT_S = 2.0
# Fields that the gateway's /v1/models repeats. Other servers list paths and limits there too.
_PUBLIC_FIELDS = ("object", "created", "owned_by", "name", "demo", "parameters")
# A name, or an owner's name and a name, as hubs have them. No path: that has more parts, or begins
# with a slash or a dot. The length is that of the log's column.
_NAME = re.compile(r"(?=.{1,64}\Z)[\w][\w.:@+-]*(/[\w][\w.:@+-]*)?", re.ASCII)


@dataclass(frozen=True)
class ServedModel:
    """`model_id`: the server's own name of the model. `listing`: its entry in the gateway's
    /v1/models."""

    revision: str
    model_id: str | None
    listing: dict[str, Any]
    calibration: Calibration = NOT_CALIBRATED


class NotReadyError(Exception):
    """Why a replica is not ready, in words for the log."""


async def probe(
    connections: ConnectionPool, upstream: Upstream, last: ServedModel | None
) -> ServedModel:
    """Which model is ready at the other end; `last` is the result of the last probe, None when the
    server may have been started anew since.

    Reads the list of models only when the revision differs from that of `last`, or when the server
    reports it nowhere else. Raises NotReadyError, TimeoutError."""
    try:
        reported, _ = await _get(connections, upstream.probe_path, upstream)
        revision = reported or upstream.revision
        if revision is not None and last is not None and revision == last.revision:
            return last
        _, body = await _get(connections, "/v1/models", upstream)
        model = _select_model(json.loads(body)["data"], upstream)
        reported = reported or model.get("model_revision")
        name = reported or upstream.revision or public_name(model["id"])
        return _served_model(model, name, _calibration(model, upstream))
    except UpstreamError as error:
        raise NotReadyError(str(error)[:200]) from None
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NotReadyError(repr(error)[:200]) from None
    except AttributeError:
        raise NotReadyError("its list of models is no list of models") from None


async def _get(
    connections: ConnectionPool, path: str, upstream: Upstream
) -> tuple[str | None, bytes]:
    """The model revision, if the server sends it as a header, and the body."""
    async with (
        asyncio.timeout(PROBE_TIMEOUT_S),
        connections.request("GET", path, upstream.authorization) as response,
    ):
        if response.status != 200:
            raise NotReadyError(f"status {response.status} at {path}")
        body = b"".join([chunk async for chunk in response.chunks()])
        response.finished = True
        return response.headers.get("x-model-revision"), body


def public_name(model_id: str) -> str:
    """What a server calls its model, as it may be told to everybody: the name itself, or its hash.
    vLLM's is the folder of the weights, unless it is started with a name to serve."""
    if _NAME.fullmatch(model_id):
        return model_id
    return f"model-{hashlib.sha256(model_id.encode(errors='replace')).hexdigest()[:16]}"


def _select_model(models: list[dict[str, Any]], upstream: Upstream) -> dict[str, Any]:
    """The entry of the model that we ask for, else the first: some servers answer to any name."""
    for model in models:
        if model["id"] == upstream.model:
            return model
    if upstream.model is not None and upstream.dialect.lists_all_names:
        raise NotReadyError("it does not serve the model that is set for it")
    return models[0]


def _calibration(model: dict[str, Any], upstream: Upstream) -> Calibration:
    """What is set for it, else its own; servers of other kinds have none."""
    if upstream.calibration is not None or upstream.foreign:
        return upstream.calibration or NOT_CALIBRATED
    return Calibration.model_validate(model.get("calibration") or {})


def _served_model(model: dict[str, Any], revision: str, calibration: Calibration) -> ServedModel:
    # The revision becomes an HTTP header and a column of the log.
    if not (revision.isascii() and revision.isprintable() and 0 < len(revision) <= 64):
        raise ValueError("not a revision")
    public = {name: model[name] for name in _PUBLIC_FIELDS if name in model}
    # It is passed on, and JSON may be read that nothing can write: half a character, infinity.
    json.dumps(public, ensure_ascii=False, allow_nan=False).encode()
    public.setdefault("name", public_name(model["id"]))
    # What strict clients cannot do without; some servers leave it out.
    always = {"id": MODEL_ALIAS, "object": "model", "created": 0, "owned_by": "shopsight"}
    listing = {**always, **public, "model_revision": revision}
    if calibration != NOT_CALIBRATED:
        listing["calibration"] = calibration.model_dump(exclude_none=True)
    return ServedModel(revision, model["id"], listing, calibration)
