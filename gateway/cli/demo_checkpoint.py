"""What whoever asks is told, on standard error, where the demo checkpoint answers."""

import sys
from collections.abc import Collection

import httpx

# As `make demo` says it; the second one as the page does.
KNOWS = "The demo checkpoint knows only pictures that this project renders itself."
CAUTION = "A photo from the real world is outside its training, so do not rely on its answers."


def tell(client: httpx.Client, revisions: Collection[str] = ()) -> bool:
    """Say it if one of these revisions is a demo checkpoint. Without a revision: if one that is
    served there is. Return whether it was said. `client` knows address and key. An answer that has
    been given stays good where this cannot be learnt: then nothing is said."""
    try:
        served = client.get("/v1/models").json()["data"]
        demos = {each["model_revision"] for each in served if each.get("demo") is True}
    except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError):
        return False
    found = bool(demos.intersection(revisions) if revisions else demos)
    if found:
        print(f"{KNOWS}\n{CAUTION}", file=sys.stderr, flush=True)
    return found
