"""The house rules that a reader relies on: who imports whom, where torch lives, how long files are,
what is called how. docs/architecture.md tells them in words."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("contract", "demo_model", "gateway", "inference", "ops")
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
    (
        "gateway.errors",
        "gateway.evaluation",
        "gateway.prompt",
        "gateway.whole_file",
        "gateway.log.personal",
    ),
    ("gateway.linear",),
    (
        *("gateway.cache", "gateway.identity", "gateway.moderation"),
        *("gateway.pool.http", "gateway.pool.queue", "gateway.telemetry"),
    ),
    ("gateway.pool.upstreams",),
    ("gateway.pool", "gateway.log.schema"),
    ("gateway.log",),
    ("gateway.log.outbox", "gateway.log.rollups"),
    ("gateway.limits",),
    ("gateway.access", "gateway.images"),
    ("gateway.batch", "gateway.canary", "gateway.erasure", "gateway.feedback"),
    ("gateway.usecases",),
    ("gateway.report", "gateway.backup"),
    ("gateway.config", "gateway.gateway"),
    ("gateway.api",),
    ("gateway.forwarding",),
    ("gateway.composition",),
    ("gateway.app",),
    ("gateway.serving", "gateway.worker"),
    ("gateway.cli", "gateway.__main__"),
    ("inference",),
    ("ops.autoscaling",),
    ("demo_model.pictures.grounds", "demo_model.pictures.shapes"),
    ("demo_model.pictures",),
    ("demo_model.pictures.outside",),
    ("demo_model.language",),
    ("demo_model.training",),
    ("demo_model.evaluation",),
)
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
# Services and the demo model know nothing of each other.
APART = ("gateway", "inference", "demo_model", "ops")
# Who sees all settings; others are given their own folder's.
SEES_SETTINGS = ("gateway.app", "gateway.composition", "gateway.forwarding", "gateway.worker")
SEES_SETTINGS += ("gateway.serving", "gateway.cli", "gateway.__main__")
SEES_SETTINGS += ("inference.app", "inference.__main__")
# A module of the gateway's root is a composition root, or a leaf that every folder needs.
GATEWAY_ROOT = {"__init__", "__main__", "app", "composition", "config", "errors", "gateway"}
GATEWAY_ROOT |= {"forwarding", "prompt", "serving", "whole_file", "worker"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports anywhere, for type checkers only or within a
    function as well."""
    found = set()
    for node in ast.walk(tree_of(path)):
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


def names(paths: Iterable[Path]) -> list[str]:
    return [name(path) for path in paths]


def test_imports_run_downward_only() -> None:
    upward = []
    for importer, path in MODULES.items():
        here = folder_of(importer)
        for module in imported(path) & MODULES.keys():
            there = folder_of(module)
            if there != here and RANK[there] >= RANK[here]:
                upward.append(f"{importer} imports {module}")
    assert upward == []


def test_services_are_apart_and_know_no_tests() -> None:
    outside = {"tests", "migrations", "loadtest"}
    knows = {
        name(path): tops(path) & (outside | set(APART) - {module_of(path).split(".")[0]})
        for path in FILES
    }
    assert {path: known for path, known in knows.items() if known} == {}


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


def test_torch_lives_in_one_folder_of_the_service() -> None:
    outside = [
        path
        for path in FILES
        if not path.is_relative_to(ROOT / "inference/model") and "demo_model" not in path.parts
    ]
    assert names(path for path in outside if tops(path) & TORCH) == []


def test_what_serves_shoppers_never_imports_the_plotting_library() -> None:
    """Nor does anything that it imports: a plotting library takes 40 MB."""
    reached, left = set(), {"gateway.__main__", "gateway.app", "gateway.worker"}
    while left:
        module = left.pop()
        reached.add(module)
        left |= (imported(MODULES[module]) & MODULES.keys()) - reached
    assert "gateway.report.nightly" in reached
    assert [module for module in reached if "matplotlib" in tops(MODULES[module])] == []
    assert [name(path) for path in FILES if "matplotlib" in tops(path)] == [
        "gateway/report/charts.py"
    ]


def test_use_cases_know_no_web_framework() -> None:
    use_cases = (ROOT / "gateway/usecases").glob("*.py")
    assert names(path for path in use_cases if tops(path) & WEB_FRAMEWORKS) == []


def test_only_composition_roots_see_all_settings() -> None:
    others = [
        path
        for path in FILES
        if not module_of(path).startswith(SEES_SETTINGS) and path.stem != "config"
    ]
    assert names(path for path in others if sees_settings(path)) == []


def sees_settings(path: Path) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module in ("gateway.config", "inference.config")
        and "Settings" in [alias.name for alias in node.names]
        for node in ast.walk(tree_of(path))
    )


def test_files_are_short() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in FILES}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_files_say_what_they_are_for() -> None:
    assert names(path for path in FILES if not ast.get_docstring(tree_of(path))) == []
    assert names(path for path in FILES if path.stem in VAGUE_NAMES) == []


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
            for node in ast.walk(tree_of(path)):
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
        ROOT / "gateway/batch/line.py",
        ROOT / "gateway/images/remote/hosts.py",
        ROOT / "gateway/images/remote/public.py",
        ROOT / "gateway/evaluation/judging.py",
        ROOT / "gateway/cache/stored_key.py",
        ROOT / "gateway/canary/record.py",
        ROOT / "gateway/canary/verdict.py",
        ROOT / "gateway/pool/places.py",
        ROOT / "inference/batching/lane.py",
        ROOT / "ops/autoscaling/policy.py",
        ROOT / "inference/batching/waiting_queue.py",
    ],
    ids=name,
)
def test_decisions_do_no_io(path: Path) -> None:
    assert not tops(path) & {"asyncio", "httpx", "redis", "sqlite3", "socket", *WEB_FRAMEWORKS}


def test_no_settings_are_read_at_import() -> None:
    forbidden = {"Settings", "os.environ.get", "os.getenv", "FastAPI"}
    assert names(path for path in FILES if called_at_import(path) & forbidden) == []


def called_at_import(path: Path) -> set[str]:
    """Names of the functions that make the values of a module."""
    values = [
        node.value
        for node in tree_of(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
    ]
    nodes = [node for value in values for node in ast.walk(value)]
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def test_the_gateway_speaks_http_in_one_way_to_replicas_and_in_one_place_to_the_internet() -> None:
    outside = [path for path in FILES if "gateway" in path.parts and "cli" not in path.parts]
    clients = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "aiohttp"}
    found = [name(path) for path in outside if tops(path) & clients]
    assert found == ["gateway/images/remote/fetch.py"]
