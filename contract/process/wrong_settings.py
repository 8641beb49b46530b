"""What is said of settings that cannot be read: which one, why, and never its value, which may be
a password."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_settings import SettingsError

from contract.process.home import env_file

# How pydantic begins what one of our own validators says.
_OWN = "Value error, "


def faults(error: ValidationError | SettingsError) -> list[str]:
    """In one line each. `msg` of a value that is of the wrong type does not repeat it; `input`
    would."""
    if isinstance(error, SettingsError):
        return [str(error)]
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [f"{_name(each['loc'])}{each['msg'].removeprefix(_OWN)}" for each in found]


def advice() -> str:
    return f"correct it in the environment, in {env_file()} or in the files of secrets"


def sentences(error: Exception) -> str | None:
    """For whoever started the process; None where something else is wrong than settings. The last
    line is whole by itself: `shopsight run` shows that one."""
    if not isinstance(error, ValidationError | SettingsError):
        return None
    if isinstance(error, ValidationError) and not error.title.endswith("Settings"):
        return None
    lines = [f"A setting cannot be used: {fault.rstrip('.')}" for fault in faults(error)]
    return ".\n".join(lines) + f"; {advice()}."


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """Around the reading of settings. Raises SystemExit with what is wrong."""
    try:
        yield
    except (ValidationError, SettingsError) as error:
        raise SystemExit(sentences(error) or str(error)) from None
    except OSError as error:
        raise SystemExit(f"A setting cannot be read: {error}") from None


def _name(place: tuple[int | str, ...]) -> str:
    """As it is written in the environment."""
    return f"{str(place[0]).upper()}: " if place else ""
