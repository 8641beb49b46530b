"""Settings of the database behind the log."""

from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import URL, make_url


class DatabaseSettings(BaseModel):
    database_url: str = Field(
        "sqlite:///.run/shopsight.db", description="Behaviour log, an SQLAlchemy URL."
    )
    database_password: SecretStr | None = Field(None, description="Put into database_url.")
    analyst_account: str = Field(
        "", description="MySQL account that `shopsight migrate` lets read what analysts need."
    )

    @property
    def sqlalchemy_url(self) -> URL:
        url = make_url(self.database_url)
        if self.database_password is not None:
            url = url.set(password=self.database_password.get_secret_value())
        return url
