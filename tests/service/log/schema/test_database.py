"""How the log's database is connected to."""

import ssl
import subprocess
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import text

from gateway.config import Settings
from gateway.log.schema.database import open_database
from tests.support.servers import mariadb_server, program


def asked(url: str, query: str) -> str:
    engine = open_database(Settings(_env_file=None, database_url=url))  # type: ignore[call-arg]
    with engine.connect() as connection:
        row = connection.execute(text(query)).one()
    engine.dispose()
    return str(row[-1])


def test_connecting_reads_no_certificates(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("this stops every answer for 20 ms")

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", read)
    assert asked(mariadb_url, "SELECT 1") == "1"
    with pytest.raises(AssertionError, match="every answer"):
        pymysql.connect(host="127.0.0.1", user="root")


def test_a_server_that_can_encrypt_is_spoken_to_encrypted(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    make += ["-subj", "/CN=mysql", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    with mariadb_server(
        tmp_path, options=(f"--ssl-key={key}", f"--ssl-cert={certificate}")
    ) as server:
        assert asked(server.url, "SHOW STATUS LIKE 'Ssl_version'").startswith("TLS")
