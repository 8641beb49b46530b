"""What is said of an error that whoever typed the command can repair. Only imported after one."""

import httpx
from sqlalchemy.exc import SQLAlchemyError

from contract.process.wrong_settings import sentences
from gateway.config import Settings
from gateway.log.faults import reason_of
from gateway.log.schema.settings import place_of


def told(error: Exception) -> str | None:
    """None where the error is a fault of ours, of which the traceback is wanted."""
    if isinstance(error, httpx.InvalidURL):
        return f"No address of a server: {error}"
    if not isinstance(error, SQLAlchemyError):
        return sentences(error)
    place = place_of(Settings().sqlalchemy_url)
    return (
        f"The database does not answer: {reason_of(error)}\n"
        f"It is {place}. `make run` starts one here, `shopsight migrate` brings it up to date."
    )
