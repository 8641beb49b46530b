"""Whether the settings can be read at all. Says which one cannot, and never its value."""

from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import SQLAlchemyError

from contract.process.home import env_file, home
from contract.process.wrong_settings import advice, faults
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.identity.keys import UnreadableKeysError, parse_api_keys


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
    try:
        parse_api_keys(settings.api_keys)
    except UnreadableKeysError as error:
        again = "shopsight keys create --line TENANT makes a good line"
        findings.append(Finding("settings", Grade.FAIL, str(error), again))
    return settings, findings


def _env_file() -> str:
    file = env_file()
    return str(file) if file.exists() else "not there"
