"""Each replica of REPLICAS or UPSTREAMS: whether its name has an address and it is ready."""

import asyncio
from collections.abc import Iterator

import httpx

from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.pool.addresses import resolve
from gateway.pool.upstreams.probe import PROBE_TIMEOUT_S
from gateway.pool.upstreams.upstream import Upstream


def check_replicas(settings: Settings) -> Iterator[Finding]:
    if not settings.model_fields_set & {"replicas", "upstreams"}:
        yield Finding("replicas", Grade.SKIP, "REPLICAS is not set: make run starts one of its own")
        return
    findings = [_one(upstream) for upstream in settings.all_upstreams]
    if not findings:
        yield Finding("replicas", Grade.FAIL, "none is named", "set REPLICAS or UPSTREAMS")
    yield from findings


def _one(upstream: Upstream) -> Finding:
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
