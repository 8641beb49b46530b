"""Whether the settings can be read at all. Says which one cannot, and never its value."""

from pydantic import ValidationError
from pydantic_settings import SettingsError

from contract.process.home import env_file, home
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings
from gateway.identity.keys import UnreadableKeysError, parse_api_keys


def read_settings() -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be read, and what there is to say about them."""
    advice = f"correct it in the environment, in {env_file()} or in the files of secrets"
    try:
        settings = Settings()
        _ = settings.all_upstreams, settings.sqlalchemy_url
    except ValidationError as error:
        # `msg` of a value that is of the wrong type does not repeat it. `input` would.
        return None, [
            Finding("settings", Grade.FAIL, f"{_name(found['loc'])}: {found['msg']}", advice)
            for found in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    except (SettingsError, ValueError) as error:
        said = f"cannot be read ({type(error).__name__})"
        return None, [Finding("settings", Grade.FAIL, said, advice)]
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


def _name(place: tuple[int | str, ...]) -> str:
    """As it is written in the environment."""
    return str(place[0]).upper() if place else "settings"


def _env_file() -> str:
    file = env_file()
    return str(file) if file.exists() else "not there"
