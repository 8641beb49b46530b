"""kill -9 mariadbd just after it was told to commit: the forwarder cannot know whether it did, and
sends the batch again, with effect if it did not, without effect if it did."""

import random
import time

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.proxy import Proxy
from tests.drills.verdict import Verdict, judge
from tests.support.servers import wait_until

# From COMMIT on the wire to the kill: a commit takes about that.
LONGEST_DELAY_S = 0.004


def drill(kills: int = 10, up_s: float = 1, per_s: float = 150) -> Verdict:
    chance = random.Random(3)
    with fleet(0) as up, Proxy(up.database.port) as proxy:
        up.environment["DATABASE_URL"] = up.database.url_at(proxy.port)
        for _ in range(2):
            up.add_gateway()
        for gateway in up.gateways:
            wait_until("gateway", lambda: gateway.is_ready)  # noqa: B023 - called at once
        slowest = 0.0
        with Load(up.gateways, per_s) as load:
            for _ in range(kills):
                time.sleep(up_s)
                delay_s = chance.uniform(0, LONGEST_DELAY_S)
                proxy.at_next_commit(delay_s, up.database.kill)
                killed = time.monotonic()
                up.database.start()
                up.caught_up_after()
                slowest = max(slowest, time.monotonic() - killed)
        up.drained_after()
        repeats = sum(
            gateway.metric('gateway_log_retries_total{reason="duplicate"')
            for gateway in up.gateways
        )
        verdict, _ = judge(
            "killed_in_commit", up, load.ledger, slowest, kills=kills, batches_found_there=repeats
        )
        return verdict
