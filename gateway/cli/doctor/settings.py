"""Whether the settings can be read at all. Says which one cannot, and never its value."""

import math

from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import SQLAlchemyError

from contract.process.home import env_file, home
from contract.process.stopping import GRACE_S
from contract.process.wrong_settings import advice, faults
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.identity.keys import UnreadableKeysError, parse_api_keys

# What docker-compose.yml and the files for Kubernetes wait for, unless they are told otherwise.
GRACE_IS_FOR_MS = 30_000


def read_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be read, and what there is to say about them."""
    try:
        settings = Settings()
        _ = settings.all_upstreams, settings.sqlalchemy_url
    except (ValidationError, SettingsError) as error:
        return None, [Finding("settings", Grade.FAIL, said, advice()) for said in faults(error)]
    except (SQLAlchemyError, ValueError) as error:
        said = f"cannot be read ({type(error).__name__})"
        return None, [Finding("settings", Grade.FAIL, said, advice())]
    except OSError as error:
        said = f"{error.filename} cannot be read: {error.strerror}"
        return None, [Finding("settings", Grade.FAIL, said, "let this user read it")]
    findings = [Finding("settings", Grade.OK, f"read; home is {home()}, .env is {_env_file()}")]
    if settings.deadline_ms > GRACE_IS_FOR_MS:
        seconds = math.ceil(settings.deadline_ms / 1000)
        said = f"an answer may take {seconds} s (DEADLINE_MS), which no default waits for"
        others = (
            f"give nginx the same DEADLINE_MS and containers {seconds + GRACE_S} s to stop"
            " (STOP_GRACE, terminationGracePeriodSeconds); a load balancer has to wait as long"
        )
        findings.append(Finding("settings", Grade.WARN, said, others))
    try:
        parse_api_keys(settings.api_keys)
    except UnreadableKeysError as error:
        again = "shopsight keys create --line TENANT makes a good line"
        findings.append(Finding("settings", Grade.FAIL, str(error), again))
    return settings, findings


def _env_file() -> str:
    file = env_file()
    return str(file) if file.exists() else "not there"
