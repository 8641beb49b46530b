"""What a drill found: the figures of its RESULT line, from the ledger and the database."""

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from gateway.log.outbox.reconcile import Reconciliation, reconcile_log
from tests.drills.fleet import Fleet
from tests.drills.load import Ledger


@dataclass
class Verdict:
    """`more`: figures of this drill alone."""

    drill: str
    lost: int
    doubled: int
    wrong: int
    error_rate: float
    recovery_s: float
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        return self.lost == self.doubled == self.wrong == 0

    @property
    def failed(self) -> int:
        """Requests that were to be answered and were not, in drills that count them."""
        return int(self.more.get("failed", 0))

    def print(self) -> None:
        figures = {name: value for name, value in vars(self).items() if name != "more"}
        figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
        more = {k: round(v, 2) if isinstance(v, float) else v for k, v in self.more.items()}
        print("RESULT " + json.dumps({**figures, **more}), flush=True)


def judge(
    drill: str, fleet: Fleet, ledger: Ledger, recovery_s: float, **more: Any
) -> tuple[Verdict, Reconciliation]:
    """Compare the ledger's acknowledged ids with the rows; each difference is explained on standard
    error."""
    found = reconcile_log(fleet.database.engine, fleet.spool_dir, ledger.acknowledged)
    surplus = len(found.surplus - ledger.told)
    verdict = Verdict(
        drill,
        lost=len(found.lost),
        doubled=len(found.doubled),
        wrong=ledger.wrong,
        error_rate=ledger.errors / max(1, len(ledger.asked)),
        recovery_s=recovery_s,
        more={
            "ended": ledger.statuses,
            "acknowledged": len(ledger.acknowledged),
            "surplus": surplus,
            **more,
        },
    )
    print(f"{drill}:", *found.report_lines(), sep="\n", file=sys.stderr, flush=True)
    return verdict, found
