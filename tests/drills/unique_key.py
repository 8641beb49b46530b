"""The same events from two copies of a dead gateway's spool: what a gateway leaves that was killed
between the database's commit and the removal from its spool. With the table's unique key each is
one row; without it (the control) the check must find them doubled."""

import shutil
import time

from sqlalchemy import text

from gateway.log.outbox.spool_folder import spools_in
from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge


def drill(unique_key: bool = True, seconds: float = 5, per_s: float = 100) -> Verdict:
    with fleet(1, LOG_DRAIN_S="1") as up:
        if not unique_key:
            with up.database.engine.begin() as connection:
                connection.execute(text("ALTER TABLE interactions DROP PRIMARY KEY"))
        up.database.stop()
        with Load(up.gateways, per_s) as load:
            time.sleep(seconds)
        up.gateways[0].kill()
        (folder,) = spools_in(up.spool_dir)
        shutil.copytree(folder, folder.with_name(folder.name + "-copy"))
        back = time.monotonic()
        up.database.start()
        up.add_worker()
        up.drained_after()
        verdict, _ = judge(
            "sent_twice" if unique_key else "sent_twice_without_unique_key",
            up,
            load.ledger,
            time.monotonic() - back,
        )
        return verdict
