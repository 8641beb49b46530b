"""`make drills`, or `python -m tests.drills NAME …`: every drill in its long form, one line
`RESULT {json}` each on standard output. Ends with 1 if one found what it must not."""

import sys
from collections.abc import Callable

from tests.drills import (
    database_down,
    deadlocks,
    disk_full,
    kill_forwarders,
    kill_gateways,
    killed_in_commit,
    mysql_failover,
    poison,
    scaled_away,
    torn_tail,
    unique_key,
    upgrade,
)
from tests.drills.verdict import Verdict

DRILLS: dict[str, Callable[[], Verdict]] = {
    "kill_gateways": kill_gateways.drill,
    "kill_gateways_without_spool": lambda: kill_gateways.drill(4, module=kill_gateways.CONTROL),
    "kill_forwarders": kill_forwarders.drill,
    "sent_twice": unique_key.drill,
    "sent_twice_without_unique_key": lambda: unique_key.drill(unique_key=False),
    "torn_tail": torn_tail.drill,
    "database_down": database_down.drill,
    "killed_in_commit": killed_in_commit.drill,
    "mysql_failover": mysql_failover.drill,
    "mysql_failover_without_semisync": lambda: mysql_failover.drill(semi_synchronous=False),
    "deadlocks": deadlocks.drill,
    "poison": poison.drill,
    "scaled_away": scaled_away.drill,
    "disk_full": disk_full.drill,
    "upgrade": lambda: upgrade.drill(per_s=15, settle_s=15),
}
# The controls: a check that finds nothing wrong here could not find anything.
MUST_FAIL = {
    "kill_gateways_without_spool",
    "sent_twice_without_unique_key",
    "mysql_failover_without_semisync",
}


def main() -> int:
    bad = []
    for name in sys.argv[1:] or DRILLS:
        try:
            verdict = DRILLS[name]()
        except disk_full.NotAllowed:
            print(f"{name} left out: it mounts a small disk, which only root may", file=sys.stderr)
            continue
        verdict.print()
        if verdict.exact is (name in MUST_FAIL):
            bad.append(name)
    if bad:
        print(f"not as it should be: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
