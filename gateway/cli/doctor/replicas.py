"""Each replica of REPLICAS or UPSTREAMS: whether its name has an address and it is ready."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import httpx

from gateway.canary.weights_table import FILE
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.pool.addresses import resolve
from gateway.pool.upstreams.probe import PROBE_TIMEOUT_S
from gateway.pool.upstreams.upstream import Upstream
from gateway.pool.weights import Weights, WeightsVersion


def check_replicas(settings: Settings) -> Iterator[Finding]:
    if not settings.model_fields_set & {"replicas", "upstreams"}:
        yield Finding("replicas", Grade.SKIP, "REPLICAS is not set: make run starts one of its own")
        return
    serving: set[str] = set()
    findings = [_one(upstream, serving) for upstream in settings.all_upstreams]
    if not findings:
        yield Finding("replicas", Grade.FAIL, "none is named", "set REPLICAS or UPSTREAMS")
    yield from findings
    yield from _shares(_weights_in_force(settings), serving)


def _weights_in_force(settings: Settings) -> Weights:
    """By the file in which the gateways of this machine remember them."""
    known = None
    with suppress(OSError):
        known = WeightsVersion.read((settings.spool_dir / FILE).read_bytes())
    named = settings.revision_weights if known is None or known.weights is None else known.weights
    return Weights(named, None)


def _shares(weights: Weights, serving: set[str]) -> Iterator[Finding]:
    """Whether revisions that have a weight are there. `serving`: those that are; "" is one whose
    name only a gateway knows."""
    unserved = ", ".join(sorted(weights.in_force.keys() - serving))
    if not unserved or not serving or "" in serving:
        return
    said = f"no ready replica serves {unserved}, which has a weight"
    state = Grade.WARN
    if not weights.of_ready(serving):
        said, state = f"{said}, and those that are ready have 0: 503 no_replica", Grade.FAIL
    elif not weights.of(serving):
        said += ": those without one are asked as if there were no weights"
    advice = f"shopsight admin weights REVISION=1 (ready: {', '.join(sorted(serving))}), or --reset"
    yield Finding("replicas", state, said, advice)


def _one(upstream: Upstream, serving: set[str]) -> Finding:
    """Adds the revisions of replicas that are ready to `serving`."""
    addresses = asyncio.run(resolve(upstream.url))
    if not addresses:
        advice = "correct REPLICAS, or start it (docker compose ps inference)"
        return Finding("replicas", Grade.FAIL, f"{upstream.url} has no address", advice)
    revisions, faults = set(), []
    for address in addresses:
        try:
            revisions.add(_ready(address, upstream))
        except (httpx.HTTPError, ValueError) as error:
            faults.append(str(error) or type(error).__name__)
    serving |= revisions
    ready = f"{len(addresses) - len(faults)} of {len(addresses)} ready"
    named = ", ".join(sorted(filter(None, revisions)))
    said = f"{upstream.url}: {ready}{f', revision {named}' if named else ''}"
    if not faults:
        return Finding("replicas", Grade.OK, said)
    # One that is down costs room. None that is up costs every answer that is not in the cache.
    state = Grade.WARN if revisions else Grade.FAIL
    advice = "see its log (docker compose logs inference); a large checkpoint loads for minutes"
    return Finding("replicas", state, f"{said}: {faults[0]}", advice)


def _ready(address: str, upstream: Upstream) -> str:
    """The revision that it reports, empty where it reports none. Raises httpx.HTTPError,
    ValueError."""
    answer = httpx.get(
        address + upstream.probe_path,
        headers=upstream.authorization,
        timeout=PROBE_TIMEOUT_S,
        trust_env=False,
    )
    if answer.status_code != 200:
        raise ValueError(f"{upstream.probe_path} answers {answer.status_code}")
    return str(answer.headers.get("x-model-revision", ""))
