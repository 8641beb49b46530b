"""MariaDB with a replica (GTID, semi-synchronous), behind one address that can be pointed at
either: what a virtual IP, a proxy or a name in DNS does for real installations."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from gateway.cli.embedded import free_port
from tests.drills.fleet import Database
from tests.drills.proxy import Proxy
from tests.support.migrating import migrate
from tests.support.servers import Server, mariadb_server, wait_until

# Without the right to write where the server is read-only, which root has.
ACCOUNT = "gateway@'127.0.0.1'"
# No COMMIT is answered before the replica has it, however long that takes.
PATIENT_MS = 600_000


class ReplicatedDatabase(Database):
    """`primary` and `replica` change their places at each fail-over; `server` is the proxy."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.primary, self.replica = (
            self._stack.enter_context(self._made(folder / f"server-{number}", number))
            for number in (1, 2)
        )
        root = create_engine(self.primary.url, isolation_level="AUTOCOMMIT")
        with root.connect() as connection:
            connection.execute(text(f"CREATE USER {ACCOUNT}"))
            connection.execute(text(f"GRANT ALL ON shopsight.* TO {ACCOUNT}"))
        root.dispose()
        migrate(self.primary.url)
        _statements(self.replica, "RESET MASTER")
        self.replicate()
        self._proxy = self._stack.enter_context(Proxy(self.primary.port))
        url = self.primary.url.replace("root@", "gateway@").replace(
            f":{self.primary.port}/", f":{self._proxy.port}/"
        )
        self.server = Server(url, self.primary.process, self._proxy.port)
        self.engine: Engine = create_engine(url, pool_pre_ping=True)

    @staticmethod
    def _made(folder: Path, number: int) -> Any:
        folder.mkdir()
        options = (f"--server-id={number}", "--log-bin=binlog", "--log-slave-updates=1")
        options += ("--gtid-strict-mode=1", "--binlog-format=ROW", "--gtid-domain-id=1")
        return mariadb_server(folder, free_port(), options, durable=True)

    def replicate(self, semi_synchronous: bool = True) -> None:
        """The replica follows the primary, and takes no writes of others."""
        _statements(
            self.replica,
            "SET GLOBAL read_only = 1",
            "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos",
            "SET GLOBAL rpl_semi_sync_slave_enabled = 1",
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {self.primary.port},"
            " MASTER_USER = 'root', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
            "START SLAVE",
        )
        self._wait_for_replica()
        _statements(
            self.primary,
            f"SET GLOBAL rpl_semi_sync_master_timeout = {PATIENT_MS}",
            "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC",
            f"SET GLOBAL rpl_semi_sync_master_enabled = {int(semi_synchronous)}",
        )

    def switch_over(self, semi_synchronous: bool = True) -> None:
        """Planned: the primary takes no more writes and stays up, and so do connections to it."""
        _statements(self.primary, "SET GLOBAL read_only = 1")
        self._wait_for_replica()
        self._promote()
        _statements(self.replica, "SET GLOBAL rpl_semi_sync_master_enabled = 0")
        self.replicate(semi_synchronous)

    def fail_over(self) -> None:
        """Unplanned: the primary is killed, and what it has said so far is what there is."""
        self.primary.process.kill()
        self.primary.process.wait()
        wait_until("replica has applied what it got", self._applied_all)
        self._promote()

    def stop_replica(self) -> None:
        """From now on it gets nothing more."""
        _statements(self.replica, "STOP SLAVE IO_THREAD")

    def _promote(self) -> None:
        _statements(self.replica, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")
        self.primary, self.replica = self.replica, self.primary
        self._proxy.point_at(self.primary.port)
        self.engine.dispose()

    def _wait_for_replica(self) -> None:
        """Until it has what the primary has now."""
        (at,) = _row(self.primary, "SELECT @@gtid_binlog_pos")
        (timed_out,) = _row(self.replica, f"SELECT MASTER_GTID_WAIT('{at}', 60)")
        if timed_out:
            raise TimeoutError("the replica does not follow")

    def _applied_all(self) -> bool:
        """Of what it has received; its primary is away."""
        status = _row(self.replica, "SHOW SLAVE STATUS")._mapping
        (has,) = _row(self.replica, "SELECT @@gtid_slave_pos")
        return bool(status["Gtid_IO_Pos"] == has)


def _row(server: Server, query: str) -> Any:
    engine = create_engine(server.url)
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
    engine.dispose()
    return row


def _statements(server: Server, *statements: str) -> None:
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
