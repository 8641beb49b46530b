"""Events of the log for tests that ask no gateway."""

from collections.abc import Iterable
from typing import Any

from gateway.identity.callers import Caller
from gateway.log.event import id_of, to_event
from gateway.log.interaction import Interaction


def event(**columns: Any) -> str:
    """A new answered interaction, with these columns."""
    interaction = Interaction("request-1", caller=Caller("public"), outcome="answered")
    return to_event({**interaction.row(None), **columns})


def ids_of(events: Iterable[str]) -> list[str]:
    return [str(id_of(text)) for text in events]
