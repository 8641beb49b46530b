"""The house rules that a reader relies on: who imports whom, where torch lives, how long files are,
what is called how. docs/architecture.md tells them in words."""

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("contract", "demo_model", "gateway", "inference")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
LOADTEST_FILES = sorted((ROOT / "loadtest").rglob("*.py"))
MAX_LINES = 250
MAX_FILES_A_PACKAGE = 16
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "base"}
TORCH = {"torch", "transformers", "tokenizers", "safetensors", "llguidance"}
WEB_FRAMEWORKS = {"fastapi", "starlette", "uvicorn"}

# From the bottom to the top: a folder imports what stands below it, and nothing beside or above it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("contract",),
    ("gateway.errors", "gateway.prompt"),
    ("gateway.cache", "gateway.identity", "gateway.moderation", "gateway.pool.http"),
    ("gateway.pool", "gateway.log.schema"),
    ("gateway.log",),
    ("gateway.log.outbox", "gateway.log.rollups"),
    ("gateway.images",),
    ("gateway.erasure", "gateway.feedback"),
    ("gateway.usecases",),
    ("gateway.config", "gateway.gateway"),
    ("gateway.api",),
    ("gateway.app", "gateway.worker"),
    ("gateway.cli", "gateway.__main__"),
    ("inference",),
    ("demo_model.pictures.shapes",),
    ("demo_model.pictures",),
    ("demo_model.language",),
    ("demo_model.training",),
    ("demo_model.evaluation",),
)
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
# Services and the demo model know nothing of each other.
APART = ("gateway", "inference", "demo_model")
# Who sees all settings; others are given their own folder's.
SEES_SETTINGS = ("gateway.app", "gateway.worker", "gateway.cli", "gateway.__main__")
SEES_SETTINGS += ("inference.app", "inference.__main__")
# A module of the gateway's root is a composition root, or a leaf that every folder needs.
GATEWAY_ROOT = {"__init__", "__main__", "app", "config", "errors", "gateway", "prompt", "worker"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports anywhere, for type checkers only or within a
    function as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` imports the module, not what the package's face holds.
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = members & MODULES.keys()
            found |= modules or {node.module}
    return frozenset(found)


def tops(path: Path) -> set[str]:
    return {module.split(".")[0] for module in imported(path)}


def folder_of(module: str) -> str:
    """The longest entry of LAYERS that the module lies in."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in RANK), "")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_run_downward_only(path: Path) -> None:
    here = folder_of(module_of(path))
    for module in imported(path) & MODULES.keys():
        there = folder_of(module)
        assert there == here or RANK[there] < RANK[here], f"{here} imports {module}"
    apart = set(APART) - {module_of(path).split(".")[0]}
    assert not tops(path) & (apart | {"tests", "migrations", "loadtest"})


def test_every_folder_has_its_layer() -> None:
    without = [module for module in MODULES if not folder_of(module) and "." in module]
    assert not without


def test_no_file_imports_itself_by_way_of_others() -> None:
    edges = {module: imported(path) & MODULES.keys() for module, path in MODULES.items()}
    # Whoever imports nothing that is left is in no circle: take them away until nobody is.
    while free := [module for module, needs in edges.items() if not needs & edges.keys()]:
        for module in free:
            del edges[module]
    assert not edges, f"in circles or above one: {sorted(edges)}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_torch_lives_in_one_folder_of_the_service(path: Path) -> None:
    if not path.is_relative_to(ROOT / "inference/model") and "demo_model" not in path.parts:
        assert not tops(path) & TORCH


@pytest.mark.parametrize("path", sorted((ROOT / "gateway/usecases").glob("*.py")), ids=name)
def test_use_cases_know_no_web_framework(path: Path) -> None:
    assert not tops(path) & WEB_FRAMEWORKS


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_composition_roots_see_all_settings(path: Path) -> None:
    if module_of(path).startswith(SEES_SETTINGS) or path.stem == "config":
        return
    tree = ast.parse(path.read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in ("gateway.config", "inference.config")
        for alias in node.names
    }
    assert "Settings" not in names


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in VAGUE_NAMES


def test_a_package_can_be_overlooked_at_a_glance() -> None:
    files = Counter(path.parent for path in [*FILES, *LOADTEST_FILES] if path.stem != "__init__")
    del files[ROOT / "gateway/cli"]  # one file a subcommand
    assert {
        name(folder): count for folder, count in files.items() if count > MAX_FILES_A_PACKAGE
    } == {}


def test_the_gateway_s_root_holds_composition_roots_and_leaves_only() -> None:
    assert {path.stem for path in (ROOT / "gateway").glob("*.py")} == GATEWAY_ROOT


@pytest.mark.parametrize("package", PACKAGES)
def test_no_class_name_stands_for_two_things(package: str) -> None:
    places = defaultdict(list)
    for path in FILES:
        if path.is_relative_to(ROOT / package):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(name(path))
    assert {each: files for each, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "gateway/cache/key.py",
        ROOT / "gateway/pool/balancer.py",
        ROOT / "gateway/pool/health.py",
        ROOT / "gateway/moderation/text.py",
        ROOT / "gateway/log/redaction.py",
        ROOT / "inference/waiting_queue.py",
    ],
    ids=name,
)
def test_decisions_do_no_io(path: Path) -> None:
    assert not tops(path) & {"asyncio", "httpx", "redis", "sqlite3", "socket", *WEB_FRAMEWORKS}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_settings_are_read_at_import(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            calls = [call for call in ast.walk(node.value) if isinstance(call, ast.Call)]
            names = {ast.unparse(call.func) for call in calls}
            assert not names & {"Settings", "os.environ.get", "os.getenv", "FastAPI"}


def test_the_gateway_has_one_way_to_speak_http() -> None:
    outside = [path for path in FILES if "gateway" in path.parts and "cli" not in path.parts]
    assert not [name(path) for path in outside if tops(path) & {"httpx", "requests", "aiohttp"}]
