"""The house rules of migrations/: revisions in one line, and none that changes with the code."""

import ast
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from migrations.standing import OLD
from tests.support import ROOT

FOLDER = ROOT / "migrations"
FROZEN = [path for path in sorted(FOLDER.rglob("*.py")) if path.name != "env.py"]


def test_revisions_are_numbered_and_so_are_their_files() -> None:
    scripts = ScriptDirectory.from_config(Config(FOLDER / "alembic.ini"))
    found = [(script.revision, Path(script.path).name) for script in scripts.walk_revisions()]
    found.reverse()  # the oldest first
    assert [revision for revision, _ in found] == [f"{n:04}" for n in range(1, len(found) + 1)]
    assert all(file.startswith(f"{revision}_") for revision, file in found)
    assert found[-1][0] < max(OLD), "two meanings of one number: standing.py has to forget the old"


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.name)
def test_what_a_revision_makes_does_not_change_with_the_code(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    ours = {"contract", "gateway", "inference", "demo_model", "tests", "loadtest"}
    assert not {module.split(".")[0] for module in modules} & ours
