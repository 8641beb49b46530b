"""Settings of the database behind the log."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from contract.process.home import Place, home

# Databases that the log can be kept in, each with the driver that is installed.
FORMS = ("sqlite:///file", "mysql+pymysql://user@host/database", "mariadb+pymysql://…")
_DRIVERS = {form.partition(":")[0] for form in FORMS} | {"sqlite+pysqlite"}


def _read(text: str) -> URL:
    """Raises ValueError, whose text does not repeat the URL: it may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"it is no URL of a database: {' or '.join(FORMS)}") from None
    if url.drivername not in _DRIVERS:
        # Its beginning may be a part of a password where the rest is not as it should be.
        raise ValueError(f"it is none of {' or '.join(FORMS)}")
    if "@" in (url.host or ""):
        raise ValueError("an @ in the password is written %40")
    return url


def place_of(url: URL) -> str:
    """For people. Without its options, of which one may be a password, too."""
    return url.set(query={}).render_as_string(hide_password=True)


def _file_within(folder: Path, text: str) -> str:
    """The URL, with an SQLite file that has a relative path in `folder`."""
    try:
        url = _read(text)
    except ValueError:
        return text  # refused when it is validated
    file = url.database or ""
    if url.get_backend_name() != "sqlite" or not file or file.startswith((":", "file:")):
        return text
    return url.set(database=str(folder / file)).render_as_string(hide_password=False)


class DatabaseSettings(BaseModel):
    database_url: Annotated[str, Place(_file_within)] = Field(
        default_factory=lambda: f"sqlite:///{home() / 'shopsight.db'}",
        description="Behaviour log, an SQLAlchemy URL.",
    )
    database_password: SecretStr | None = Field(None, description="Put into database_url.")
    analyst_account: str = Field(
        "", description="MySQL account that `shopsight migrate` lets read what analysts need."
    )

    gateway_account: str = Field(
        "",
        description="MySQL account of gateways: `shopsight migrate` grants it the rows of tables.",
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        _read(value)
        return value

    @model_validator(mode="after")
    def _known_options(self) -> Self:
        url = self.sqlalchemy_url
        if url.password and url.get_backend_name() == "sqlite":
            raise ValueError("DATABASE_URL is a file of SQLite, which has no DATABASE_PASSWORD")
        try:
            url.get_dialect()().create_connect_args(url)
        except (ArgumentError, TypeError, ValueError):  # whose text may repeat the value
            raise ValueError("DATABASE_URL has an option that cannot be used") from None
        return self

    @property
    def sqlalchemy_url(self) -> URL:
        url = make_url(self.database_url)
        if self.database_password is not None:
            url = url.set(password=self.database_password.get_secret_value())
        return url
