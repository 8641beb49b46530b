"""The database moves to its replica under load: planned, with the old server still up, and because
it was killed. Answers go on, and no row is lost or doubled. Where COMMIT does not wait for the
replica (the control), the same check must find losses."""

import subprocess
import sys
import time
from typing import cast

import httpx

from gateway.identity.keys import KEY_PREFIX
from tests.drills.fleet import Fleet, fleet
from tests.drills.load import Load
from tests.drills.replicated import ReplicatedDatabase
from tests.drills.verdict import Verdict, judge
from tests.support.asking import chat, photo
from tests.support.servers import wait_until

# Of load before, between and after.
CALM_S = 3.0


def drill(per_s: float = 100, calm_s: float = CALM_S, semi_synchronous: bool = True) -> Verdict:
    name = "mysql_failover" if semi_synchronous else "mysql_failover_without_semisync"
    with fleet(2, kept_in=ReplicatedDatabase) as up:
        database = cast(ReplicatedDatabase, up.database)
        with Load(up.gateways, per_s) as load:
            time.sleep(calm_s)
            begun = time.monotonic()
            database.switch_over(semi_synchronous)
            moved_s = time.monotonic() - begun
            up.caught_up_after()
            planned_s = time.monotonic() - begun
            # Its row is in the new primary alone until the replica has it, too.
            keys_s = _key_in_force_after(up)
            if not semi_synchronous:
                database.stop_replica()
            time.sleep(calm_s)
            begun = time.monotonic()
            database.fail_over()
            up.caught_up_after()
            killed_s = time.monotonic() - begun
            time.sleep(calm_s)
        up.drained_after()
        dead_letters = sum(each.metric("gateway_log_dead_letters_total") for each in up.gateways)
        verdict, _ = judge(
            name,
            up,
            load.ledger,
            max(planned_s, killed_s),
            failed=load.ledger.errors,
            moved_s=moved_s,
            planned_s=planned_s,
            killed_s=killed_s,
            keys_s=keys_s,
            dead_letters=dead_letters,
        )
        return verdict


def _key_in_force_after(up: Fleet) -> float:
    """Seconds from making a key until every gateway knows it."""
    command = [sys.executable, "-m", "gateway.cli", "keys", "create", "acme"]
    made = subprocess.run(
        command, env=up.command_environment, check=True, capture_output=True, text=True
    )
    begun = time.monotonic()
    key = next(word for word in made.stdout.split() if word.startswith(KEY_PREFIX))
    header = {"authorization": f"Bearer {key}"}

    def known() -> bool:
        return all(
            httpx.post(
                f"{each.url}/v1/chat/completions",
                json=chat("is my key known?", photo()),
                headers=header,
                trust_env=False,
                timeout=30,
            ).status_code
            == 200
            for each in up.gateways
        )

    wait_until("key in force", known)
    return time.monotonic() - begun
