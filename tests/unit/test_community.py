"""Forms of issues and discussions are what GitHub takes, and CITATION.cff is what its readers take.
A form that is not is passed over in silence there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

FORMS = sorted(
    path
    for folder in ("ISSUE_TEMPLATE", "DISCUSSION_TEMPLATE")
    for path in (ROOT / ".github" / folder).glob("*.yml")
    if path.stem != "config"
)
# https://docs.github.com/communities: the form schema of GitHub.
TYPES = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
# https://github.com/citation-file-format/citation-file-format: required, and what else we use.
REQUIRED = {"cff-version", "message", "title", "authors"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_form_is_one_that_github_shows(path: Path) -> None:
    form = read(path)
    if path.parent.name == "ISSUE_TEMPLATE":
        assert form["name"]
        assert form["description"]
    ids = []
    for part in form["body"]:
        assert part["type"] in TYPES
        attributes = part["attributes"]
        if part["type"] == "markdown":
            assert attributes["value"]
            continue
        assert attributes["label"]
        ids.append(part["id"])
        if part["type"] in ("dropdown", "checkboxes"):
            assert attributes["options"]
        assert set(part.get("validations", {})) <= {"required"}
    assert ids
    assert len(ids) == len(set(ids))


def test_the_form_of_a_fault_asks_what_doctor_says() -> None:
    form = read(ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml")
    (part,) = [each for each in form["body"] if each.get("id") == "doctor"]
    assert "shopsight doctor" in part["attributes"]["label"]
    assert part["validations"]["required"]


def test_the_citation_has_what_its_format_requires_and_the_version_of_the_project() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert set(citation) >= REQUIRED
    assert citation["cff-version"] == "1.2.0"
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project
    assert all(author.get("name") for author in citation["authors"])


def test_nobody_is_told_to_write_to_an_address_that_does_not_exist() -> None:
    """No e-mail address stands in a page about people: there is none."""
    pages = [ROOT / "CODE_OF_CONDUCT.md", ROOT / "docs" / "community.md", *FORMS]
    assert [page.name for page in pages if "@" in page.read_text()] == []
