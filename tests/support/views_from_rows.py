"""What three views said before they had roll-ups: SELECTs on the rows themselves, to compare with
their answers and times. They are the ones to which the migration goes back."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.support import ROOT

_SCRIPTS = ScriptDirectory.from_config(Config(ROOT / "migrations" / "alembic.ini"))
FROM_ROWS: dict[str, str] = _SCRIPTS.get_revision("0030").module.FROM_ROWS
