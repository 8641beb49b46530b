"""One event in a hundred that the database will not take: it becomes a dead letter after five
tries, the others arrive in time, and after the cause is gone all can be sent again."""

import subprocess
import sys
import time
from uuid import UUID

from sqlalchemy import select, text

from gateway.log.outbox.dead_letters import count
from gateway.log.schema.tables import interactions
from tests.drills.fleet import Fleet, fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge
from tests.support import ROOT
from tests.support.servers import wait_until

TRIGGER = (
    "CREATE TRIGGER taste BEFORE INSERT ON interactions FOR EACH ROW BEGIN"
    " IF NEW.question LIKE 'poison%' THEN"
    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'bad taste'; END IF; END"
)


def drill(seconds: float = 30, per_s: float = 100, poison_every: int = 100) -> Verdict:
    with fleet(2) as up:
        run(up, TRIGGER)
        seen: dict[UUID, float] = {}
        with Load(up.gateways, per_s, poison_every) as load:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                look(up, seen)
        ended = time.monotonic()
        while up.waiting():
            look(up, seen)
        recovery_s = time.monotonic() - ended
        look(up, seen)
        late = [
            seen[a.interaction] - (a.at + a.took_s)
            for a in load.ledger.asked
            if a.complete and a.interaction in seen
        ]
        wait_until("dead letters", lambda: count(up.database.engine) > 0)
        dead_letters = count(up.database.engine)
        run(up, "DROP TRIGGER taste")
        command = [sys.executable, "-m", "gateway.cli", "log", "replay"]
        # Standard output is for the drill's one line.
        replayed = subprocess.run(
            command, cwd=ROOT, env=up.command_environment, stdout=sys.stderr, check=False
        )
        verdict, _ = judge(
            "poison",
            up,
            load.ledger,
            recovery_s,
            poisoned=len(range(0, len(load.ledger.asked), poison_every)),
            dead_letters=dead_letters,
            latest_other_s=max(late),
            replayed=replayed.returncode == 0,
            dead_letters_after=count(up.database.engine),
        )
        return verdict


def run(up: Fleet, statement: str) -> None:
    with up.database.engine.begin() as connection:
        connection.execute(text(statement))


def look(up: Fleet, seen: dict[UUID, float]) -> None:
    """Note when rows are seen for the first time."""
    time.sleep(0.1)
    with up.database.engine.connect() as connection:
        found = set(connection.scalars(select(interactions.c.interaction_id)))
    now = time.monotonic()
    for interaction in found - seen.keys():
        seen[interaction] = now
