"""`shopsight doctor`: looks at everything that an installation needs. It says in one line each what
is wrong and what to do. It leaves nothing behind and prints no secret."""

import json
import sys
from collections.abc import Callable, Iterable

from gateway.cli.doctor.answer_cache import check_redis
from gateway.cli.doctor.database import check_database
from gateway.cli.doctor.finding import Finding, Grade, failed, report
from gateway.cli.doctor.folders import check_folders
from gateway.cli.doctor.object_store import check_object_store
from gateway.cli.doctor.ports import check_ports
from gateway.cli.doctor.replicas import check_replicas
from gateway.cli.doctor.secret_files import check_secrets
from gateway.cli.doctor.settings import read_settings
from gateway.cli.doctor.versions import check_versions
from gateway.cli.doctor.weights import check_weights
from gateway.config import Settings

Check = Callable[[Settings], Iterable[Finding]]
# In the order in which things have to work.
CHECKS: dict[str, Check] = {
    "versions": check_versions,
    "secrets": check_secrets,
    "folders": check_folders,
    "images": check_object_store,
    "database": check_database,
    "redis": check_redis,
    "weights": check_weights,
    "replicas": check_replicas,
    "ports": check_ports,
}


def run(as_json: bool) -> int:
    """Print what was found. Returns 1 if anything is wrong; a warning is not."""
    findings = list(examine())
    if as_json:
        found = {"ok": not failed(findings), "checks": [each.fields() for each in findings]}
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print(report(findings, colour=sys.stdout.isatty()))
    return 1 if failed(findings) else 0


def examine() -> Iterable[Finding]:
    settings, findings = read_settings()
    yield from findings
    if settings is None:
        return
    for name, check in CHECKS.items():
        try:
            yield from check(settings)
        except Exception as error:
            # Its text may quote a setting, so only its kind is shown.
            yield Finding(
                name,
                Grade.FAIL,
                f"could not be examined: {type(error).__name__}",
                "a fault of doctor's own: please report it",
            )
