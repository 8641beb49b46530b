"""`make scale-drills`: what a stack on several machines is made of fails under load, one part after
the other. One line `RESULT {json}` for all of them, with the figures of each. Ends with 1 if one
has lost or doubled something."""

import json
import sys
from collections.abc import Callable, Iterable

from tests.drills import mysql_failover, object_store, redis_moves, swarm
from tests.drills.swarm_leftovers import Refused
from tests.drills.verdict import Verdict

DRILLS: dict[str, Callable[[], Iterable[Verdict]]] = {
    "redis_cluster": lambda: [redis_moves.cluster()],
    "redis_sentinel": lambda: [redis_moves.sentinel()],
    "object_store": lambda: [object_store.drill()],
    "mysql_failover": lambda: [mysql_failover.drill()],
    "swarm": swarm.drills,
}
FIGURES = ("failed", "recovery_s", "lost", "doubled")


def main() -> int:
    found: dict[str, dict[str, float]] = {}
    bad = []
    for name in sys.argv[1:] or DRILLS:
        try:
            for verdict in DRILLS[name]():
                print(verdict, file=sys.stderr, flush=True)
                found[verdict.drill] = {each: round(getattr(verdict, each), 2) for each in FIGURES}
                if not verdict.exact:
                    bad.append(verdict.drill)
        except Refused as reason:
            print(f"{name} left out: {reason}", file=sys.stderr)
    print("RESULT " + json.dumps(found), flush=True)
    if bad:
        print(f"not as it should be: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
