"""Spools in a folder with any name are read and redacted."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.erasure.spools import find_events, redact_spools
from gateway.log.event import id_of
from gateway.log.outbox.spool_folder import ids_in
from gateway.log.tombstones import Subject, Tombstones
from tests.support.events import event

HER = Subject("public", "user", "p" * 32)


@pytest.mark.parametrize("name", ["shop#1", "shop?2", "100%41", "店 1"])
def test_an_event_is_found_and_loses_its_person(tmp_path: Path, name: str) -> None:
    spool = tmp_path / name / "spool-1"
    spool.mkdir(parents=True)
    hers = event(user_pseudonym=HER.name, question="hers?")
    with closing(sqlite3.connect(spool / "events.db")) as made, made:
        made.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, event TEXT)")
        made.execute("INSERT INTO events (event) VALUES (?)", (hers,))
    erased = Tombstones({HER: datetime.now(UTC) + timedelta(hours=1)})
    assert ids_in(spool) == {id_of(hers)}
    assert find_events(tmp_path / name, erased) == [hers]
    redaction = redact_spools(tmp_path / name, erased)
    assert (redaction.events, redaction.pending) == (1, [])
    assert find_events(tmp_path / name, erased) == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
