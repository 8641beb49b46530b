"""Settings of the database behind the log."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import URL, make_url

from contract.process.home import Place, home


def _file_within(folder: Path, text: str) -> str:
    """The URL, with an SQLite file that has a relative path in `folder`."""
    url = make_url(text)
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

    @property
    def sqlalchemy_url(self) -> URL:
        url = make_url(self.database_url)
        if self.database_password is not None:
            url = url.set(password=self.database_password.get_secret_value())
        return url
