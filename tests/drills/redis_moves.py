"""Redis loses a master under load: a node of a cluster, whose slots another node gets, and a master
that Sentinels watch. The answer cache is away meanwhile, and answers go on."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge
from tests.support.redis_servers import redis_behind_sentinels, redis_cluster
from tests.support.servers import wait_until

# Of load before and after.
CALM_S = 3.0
# On a machine with much else to do. What is late is a miss, and would count as one here.
BUDGET_MS = "1000"
NEVER = 1_000_000_000


def cluster(per_s: float = 40, calm_s: float = CALM_S) -> Verdict:
    with _folder() as folder, redis_cluster(Path(folder)) as servers:
        return _drill(
            "redis_cluster", servers.url, lambda: servers.lose(0, taking=1), per_s, calm_s
        )


def sentinel(per_s: float = 40, calm_s: float = CALM_S) -> Verdict:
    with _folder() as folder, redis_behind_sentinels(Path(folder)) as servers:
        old = servers.master()

        def strike() -> None:
            old.process.kill()
            old.process.wait()
            wait_until("another master", lambda: servers.master() is not old)

        return _drill("redis_sentinel", servers.url, strike, per_s, calm_s)


def _drill(
    name: str, redis_url: str, strike: Callable[[], None], per_s: float, calm_s: float
) -> Verdict:
    """Recovered is when every question is answered out of the cache again."""
    with fleet(2, REDIS_URL=redis_url, CACHE_BUDGET_MS=BUDGET_MS) as up:
        begun = time.monotonic()
        with Load(up.gateways, per_s, new_every=NEVER) as load:
            wait_until("hits", lambda: load.ledger.all_hits_since(begun), 120)
            time.sleep(calm_s)
            struck = time.monotonic()
            strike()
            wait_until("hits again", lambda: load.ledger.all_hits_since(struck), 120)
            time.sleep(calm_s)
        up.drained_after()
        ledger = load.ledger
        misses = sum(a.complete and a.cached != "hit" for a in ledger.asked if a.at > struck)
        recovery_s = ledger.last_miss_s(struck)
        verdict, _ = judge(name, up, ledger, recovery_s, failed=ledger.errors, misses=misses)
        return verdict


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="shopsight-drill-")
