"""Documents point to what is there: links, their anchors, and files named in the text."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support import ROOT

DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md"))
    if "node_modules" not in path.parts
)
SOURCES = sorted(
    path
    for folder in (
        "contract",
        "demo_model",
        "gateway",
        "inference",
        "loadtest",
        "migrations",
        "ops",
    )
    for path in (ROOT / folder).rglob("*.py")
)
SOURCES += [ROOT / ".env.example", *ROOT.glob("*.yml"), *(ROOT / "nginx").iterdir()]

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|a)[^>]* (?:src|href)=\"([^\"]+)\"")
QUOTED = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
DOCUMENT_NAME = re.compile(r"\bdocs/[\w./-]+\.md\b")
# A file of this kind without its folder may lie anywhere.
FILE_NAME = re.compile(r"[\w.-]+\.(?:py|md|js|yml|toml|jinja|tsv)")
FILE_NAMES = {path.name for path in ROOT.glob("*")} | {
    path.name for path in ROOT.glob("[!.]*/**/*") if path.is_file()
}
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    return FENCED.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """As GitHub makes them out of headings."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(path)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        numbered = (f"{slug}-{number}" for number in range(1, 100))
        found.add(slug if slug not in found else next(n for n in numbered if n not in found))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    dead = []
    for link in (one or other for one, other in LINK.findall(prose(path))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = path.parent / place if place else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_file_that_is_named_exists(path: Path) -> None:
    missing = []
    for text in QUOTED.findall(prose(path)):
        if re.search(r"[^\w./-]", text) or text[0] in "./":  # a command, a pattern, a route
            continue
        if "/" in text:
            known = text.split("/")[0] not in FOLDERS or (ROOT / text).exists()
        else:
            known = not FILE_NAME.fullmatch(text) or text in FILE_NAMES
        if not known:
            missing.append(text)
    assert not missing


def test_every_document_that_code_names_exists() -> None:
    named = {name(path): DOCUMENT_NAME.findall(path.read_text()) for path in SOURCES}
    pairs = [(path, each) for path, names in named.items() for each in names]
    assert [pair for pair in pairs if not (ROOT / pair[1]).exists()] == []


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[(\d+)\]\(([^)]+)\)", (folder / "README.md").read_text(), re.M)
    assert [page for _, page in listed] == pages
    numbers = [int(number) for number, _ in listed]
    assert numbers == sorted(set(numbers))
    assert [page.partition("-")[0] for page in pages] == [f"{number:04}" for number in numbers]
    for page in pages:
        assert (folder / page).read_text().startswith(f"# {int(page[:4])}. "), page


# A command of an example, up to the end of its line or of its quotation.
CURL = re.compile(r"(?:^|`)(curl (?:-[^`\n]*|http[^`\n]*|…[^`\n]*))", re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_what_curl_prints_ends_with_a_line(path: Path) -> None:
    """Our JSON ends without a newline, and the prompt of the shell would stand behind it."""
    for command in CURL.findall(path.read_text()):
        if "/v1/" in command:
            assert command.startswith(r"curl -w '\n' "), command
