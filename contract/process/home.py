"""Where an installation keeps its state and finds its `.env`: the same for every command, whatever
folder it is started in."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

# The folder that the packages lie in: a checkout, or site-packages.
PROJECT = Path(__file__).resolve().parents[2]
HOME = "SHOPSIGHT_HOME"


def checkout() -> Path | None:
    """The checkout that the code runs from; None where it is installed outside of one."""
    marks = (PROJECT / name for name in ("pyproject.toml", "Makefile"))
    return PROJECT if all(mark.is_file() for mark in marks) else None


def home() -> Path:
    """The folder of state, absolute: what SHOPSIGHT_HOME names, else `.run` of the checkout, else
    `shopsight` in the XDG base directory for data."""
    if given := os.environ.get(HOME):
        return Path(given).expanduser().absolute()
    project = checkout()
    if project is not None:
        given = dotenv_values(project / ".env").get(HOME)
        return project / Path(given or ".run").expanduser()
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    # A relative one is to be ignored, says the specification.
    return (data if data.is_absolute() else Path.home() / ".local" / "share") / "shopsight"


def env_file() -> Path:
    """The `.env` that counts: the checkout's, else that of the home."""
    return (checkout() or home()) / ".env"


def shipped(name: str) -> Path:
    """A folder of the project that is no package: at the top of a checkout, within `gateway` in a
    wheel (setup.py puts it there)."""
    inside = PROJECT / "gateway" / name
    return inside if inside.is_dir() else PROJECT / name


@dataclass(frozen=True)
class Place:
    """Marks a setting that names a place. `within` says what a relative one in `.env` means: it
    counts from the folder of that file. Elsewhere it counts from the current folder."""

    within: Callable[[Path, str], str] = lambda folder, text: str(folder / text)


class HomeSettings(BaseSettings):
    """Settings from the environment, then from the one `.env`, then from secret files."""

    # What a validation says may come to a terminal or a log, and a value may be a password.
    model_config = SettingsConfigDict(hide_input_in_errors=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{"_env_file": env_file(), **values})
        except UnicodeDecodeError:
            raise SettingsError(".env, or a file of secrets, is not UTF-8") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        assert isinstance(file_secret_settings, SecretsSettingsSource)
        file = _EnvFile(settings_cls, env_file=dotenv_settings.env_file)
        # Each source takes 3 ms to look for every setting, also where there is nothing.
        return (
            init_settings,
            env_settings,
            *([file] if file.env_vars else []),
            *([file_secret_settings] if file_secret_settings.secrets_dir else []),
        )


class _EnvFile(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        if isinstance(self.env_file, Path):
            for name, field in self.settings_cls.model_fields.items():
                if values.get(name):
                    values[name] = _placed(field, values[name], self.env_file.parent)
        return values


def _placed(field: FieldInfo, value: Any, folder: Path) -> Any:
    for mark in field.metadata:
        if isinstance(mark, Place) and isinstance(value, str):
            return mark.within(folder, str(Path(value).expanduser()) if value[0] == "~" else value)
    return value
