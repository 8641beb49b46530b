"""MariaDB goes away again and again under load: answers go on as before, their rows come later.
Each outage is compared with the time just before it, on the same gateways: from minute to minute a
shared machine changes its pace by more than what is to be seen."""

import time
from statistics import median

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge

# Mariadbd takes this long to end or to start in earnest; nobody's answer is timed meanwhile.
SETTLE_S = 1.0

Window = tuple[float, float]


def drill(
    outages: int = 16, down_s: float = 5, longest_s: float = 60, per_s: float = 100
) -> Verdict:
    """The first outage lasts for `longest_s`, the others for `down_s`."""
    with_it: list[Window] = []
    without: list[Window] = []
    backlog = 0
    recovery_s = 0.0
    with fleet(2) as up:
        with Load(up.gateways, per_s) as load:
            time.sleep(2)  # connections, caches
            for outage in range(outages):
                with_it.append(_window(down_s))
                up.database.stop()
                time.sleep(SETTLE_S)
                without.append(_window(down_s if outage else longest_s))
                backlog = max(backlog, up.waiting())
                back = time.monotonic()
                up.database.start()
                up.caught_up_after()
                recovery_s = max(recovery_s, time.monotonic() - back)
                time.sleep(SETTLE_S)
        up.drained_after()

        def of(windows: list[Window], share: float) -> list[float]:
            return [load.ledger.percentile_ms(share, *window) for window in windows]

        p99_with, p99_without = of(with_it, 0.99), of(without, 0.99)
        pairs = zip(p99_without, p99_with, strict=True)
        verdict, _ = judge(
            "database_down",
            up,
            load.ledger,
            recovery_s,
            longest_s=longest_s,
            backlog=backlog,
            p50_with_ms=median(of(with_it, 0.5)),
            p50_without_ms=median(of(without, 0.5)),
            p99_with_ms=median(p99_with),
            p99_without_ms=median(p99_without),
            p99_without_vs_with=median(down / before for down, before in pairs),
            all_p99_with_ms=[round(p99, 1) for p99 in p99_with],
            all_p99_without_ms=[round(p99, 1) for p99 in p99_without],
        )
        return verdict


def _window(seconds: float) -> Window:
    begun = time.monotonic()
    time.sleep(seconds)
    return begun, time.monotonic()
