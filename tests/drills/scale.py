"""`make scale-drills`: what a stack on several machines is made of fails under load, one part after
the other. One line `RESULT {json}` for all of them, with the figures of each. Ends with 1 if one
has lost or doubled something."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable

from tests.compose.conftest import engine_missing
from tests.drills import mysql_failover, object_store, redis_moves, swarm
from tests.drills.verdict import Verdict

DRILLS: dict[str, Callable[[], Iterable[Verdict]]] = {
    "redis_cluster": lambda: [redis_moves.cluster()],
    "redis_sentinel": lambda: [redis_moves.sentinel()],
    "object_store": lambda: [object_store.drill()],
    "mysql_failover": lambda: [mysql_failover.drill()],
    "swarm": swarm.drills,
}
FIGURES = ("failed", "recovery_s", "lost", "doubled")


def left_out(name: str) -> str | None:
    """Why a drill cannot be run here."""
    if name != "swarm":
        return None
    if reason := engine_missing():
        return reason
    state = ("docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
    told = subprocess.run(state, capture_output=True, text=True, check=True).stdout.strip()
    return None if told == "inactive" else f"this engine is in a swarm already ({told})"


def main() -> int:
    found: dict[str, dict[str, float]] = {}
    bad = []
    for name in sys.argv[1:] or DRILLS:
        if reason := left_out(name):
            print(f"{name} left out: {reason}", file=sys.stderr)
            continue
        for verdict in DRILLS[name]():
            print(verdict, file=sys.stderr, flush=True)
            found[verdict.drill] = {each: round(getattr(verdict, each), 2) for each in FIGURES}
            if not verdict.exact:
                bad.append(verdict.drill)
    print("RESULT " + json.dumps(found), flush=True)
    if bad:
        print(f"not as it should be: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
