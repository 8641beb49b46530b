"""MariaDB is away for a while under load: answers go on as before, their rows arrive afterwards."""

import time

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge


def drill(down_s: float = 60, before_s: float = 20, per_s: float = 100) -> Verdict:
    with fleet(2) as up:
        with Load(up.gateways, per_s) as load:
            time.sleep(2)  # connections, caches
            begun = time.monotonic()
            time.sleep(before_s)
            up.database.stop()
            away = time.monotonic()
            time.sleep(down_s)
            backlog = up.waiting()
            back = time.monotonic()
            up.database.start()
            up.caught_up_after()
            recovery_s = time.monotonic() - back
            ended = time.monotonic()
        up.drained_after()
        ledger = load.ledger
        p99 = ledger.percentile_ms(0.99, begun, away)
        verdict, _ = judge(
            "database_down",
            up,
            ledger,
            recovery_s,
            down_s=down_s,
            backlog=backlog,
            p50_before_ms=ledger.percentile_ms(0.5, begun, away),
            p50_during_ms=ledger.percentile_ms(0.5, away, back),
            p99_before_ms=p99,
            p99_during_ms=ledger.percentile_ms(0.99, away, back),
            p99_after_ms=ledger.percentile_ms(0.99, back, ended),
        )
        return verdict
