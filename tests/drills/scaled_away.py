"""All gateways go while the database is away and their spools hold events: one is killed, one is
told to stop and cannot drain. No gateway comes back; the worker delivers what they left."""

import time

from gateway.log.outbox.spool_folder import spools_in
from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge


def drill(seconds: float = 20, per_s: float = 150) -> Verdict:
    with fleet(2, LOG_DRAIN_S="1") as up:
        up.add_worker()
        with Load(up.gateways, per_s) as load:
            time.sleep(1)
            up.database.stop()
            time.sleep(seconds)
        up.gateways[0].kill()
        up.gateways[1].close()
        backlog = up.waiting()
        back = time.monotonic()
        up.database.start()
        up.drained_after()
        verdict, _ = judge(
            "scaled_away",
            up,
            load.ledger,
            time.monotonic() - back,
            backlog=backlog,
            spools_left=len(spools_in(up.spool_dir)),
        )
        return verdict
