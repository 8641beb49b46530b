"""`make drills`, or `python -m tests.drills NAME …`: every drill in its long form, one line
`RESULT {json}` each on standard output. Ends with 1 if one found what it must not."""

import sys
from collections.abc import Callable

from tests.drills import kill_gateways
from tests.drills.verdict import Verdict

DRILLS: dict[str, Callable[[], Verdict]] = {
    "kill_gateways": kill_gateways.drill,
    "kill_gateways_without_spool": lambda: kill_gateways.drill(
        kills=4, module="tests.drills.without_spool"
    ),
}
# The controls: a check that finds nothing wrong here could not find anything.
MUST_FAIL = {"kill_gateways_without_spool"}


def main() -> int:
    bad = []
    for name in sys.argv[1:] or DRILLS:
        verdict = DRILLS[name]()
        verdict.print()
        if verdict.exact is (name in MUST_FAIL):
            bad.append(name)
    if bad:
        print(f"not as it should be: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
