"""What ops read about settings is what the code reads."""

import inspect
import re
from contextlib import suppress
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings

from contract.process.home import Place, home
from gateway.config import Settings as GatewaySettings
from inference.config import Settings as InferenceSettings
from ops.autoscaling.settings import AutoscalingSettings
from tests.support import ROOT

# Compose reads these itself.
COMPOSE_ONLY = {"BIND", "PORT", "TAG", "INFERENCE_TAG", "RATE_LIMIT", "RATE_BURST"}
COMPOSE_ONLY |= {"CONNECTION_LIMIT", "METRICS_RETENTION", "GRAFANA_PORT", "ALERTMANAGER_PORT"}
COMPOSE_ONLY |= {"DOCKER_GROUP", "COMPOSE_FILE", "STOP_GRACE"}
COMPOSE_ONLY |= {n.upper() for n in AutoscalingSettings.model_fields if n.startswith("autoscale_")}
# Read before all others, since it says where they are.
HOME = "SHOPSIGHT_HOME"


def documented() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def fields() -> dict[str, Any]:
    models: tuple[type[BaseSettings], ...] = (GatewaySettings, InferenceSettings)
    return {n.upper(): f for model in models for n, f in model.model_fields.items()}


def test_the_example_names_every_setting_and_no_other() -> None:
    assert documented().keys() - COMPOSE_ONLY == {HOME, *fields()}


@pytest.mark.parametrize("settings", [GatewaySettings, InferenceSettings])
def test_no_setting_is_declared_twice(settings: type[BaseSettings]) -> None:
    """The first of two would silently hide the other, with its default and its bounds."""
    groups = [each for each in settings.__mro__ if issubclass(each, BaseModel)]
    declared = [name for each in groups for name in inspect.get_annotations(each)]
    mixed_in = [name for name in declared if name in settings.model_fields]
    assert sorted(mixed_in) == sorted(set(mixed_in))


def test_the_defaults_in_the_example_are_the_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME)
    assert ROOT / documented()[HOME] == home()
    for name, value in documented().items():
        field = fields().get(name)
        if field is None or not value:
            continue
        default = field.get_default(call_default_factory=True)
        if any(isinstance(mark, Place) for mark in field.metadata):
            default = str(default).replace(f"{ROOT}/", "")  # relative ones count from the file
        shown = ",".join(default) if isinstance(default, tuple) else str(default)
        assert value == shown, name


def test_defaults_of_compose_are_those_that_the_example_shows() -> None:
    text = "".join(path.read_text() for path in ROOT.glob("docker-compose*.yml"))
    given = dict(re.findall(r"\$\{([A-Z_]+):?-([^}]*)\}", text))
    for name, value in documented().items():
        if name in {"METRICS_RETENTION", "GRAFANA_PORT"} or name.startswith(("ALERTM", "AUTOSC")):
            assert value == given[name], name


def test_compose_hands_on_what_is_empty_where_that_means_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`:-` would put the default in its place. To a replica what is empty is unset."""
    folders = ROOT, ROOT / "deploy" / "swarm"
    files = [path for folder in folders for path in folder.glob("docker-compose*.yml")]
    text = "".join(path.read_text() for path in files)
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]+)\}", text):
        if (field := name.lower()) in GatewaySettings.model_fields:
            monkeypatch.setenv(name, default)
            usual = getattr(GatewaySettings(_env_file=None), field)
            monkeypatch.setenv(name, "")
            with suppress(ValidationError):  # such as of a number, where the default is in place
                assert getattr(GatewaySettings(_env_file=None), field) == usual, name
            monkeypatch.delenv(name)


def test_lists_come_as_commas_and_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICAS", "http://a:1/, http://b:2")
    monkeypatch.setenv("WEB_DIR", "")
    monkeypatch.setenv("REDIS_URL", "")
    settings = GatewaySettings(_env_file=None)
    assert settings.replicas == ("http://a:1", "http://b:2")
    assert settings.web_dir is None
    assert settings.redis_url is None


def test_a_replica_starts_with_what_the_gpu_overlay_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    overlay = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
    passed = overlay["services"]["inference"]["environment"]
    for name, value in passed.items():
        # As compose fills it in where nobody has set anything.
        monkeypatch.setenv(name, re.sub(r"\$\{[A-Z_]+:-(.*)\}", r"\1", str(value)))
    assert passed.keys() - {"PYTORCH_ALLOC_CONF"} <= fields().keys()
    settings = InferenceSettings(_env_file=None)
    assert (settings.slots, settings.max_context_tokens) == (None, None)
    assert (settings.gpu_memory_bytes, settings.max_image_tokens) == (20_000_000_000, 256)
    assert (settings.device_map, settings.quantisation) == ("cuda:0", "none")


def test_the_database_password_is_put_into_the_url_and_hidden_in_print() -> None:
    settings = GatewaySettings(
        _env_file=None,
        database_url="mysql+pymysql://app@db/shopsight",
        database_password="s3cret!@/",
    )
    assert settings.sqlalchemy_url.password == "s3cret!@/"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("mysql+pymysql://app@db/shopsight?connect_timeout=soon", None),
        ("sqlite:////tmp/log.db?timeout=soon", None),
        ("sqlite:////tmp/log.db", "s3cret"),
    ],
)
def test_what_no_driver_would_take_stops_the_start(url: str, password: str | None) -> None:
    with pytest.raises(ValidationError, match="DATABASE_URL") as raised:
        GatewaySettings(_env_file=None, database_url=url, database_password=password)
    assert "soon" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_rows_outlive_the_answers_that_an_erasure_finds_by_them() -> None:
    with pytest.raises(ValueError, match="CONTENT_RETENTION_DAYS"):
        GatewaySettings(_env_file=None, content_retention_days=7)  # type: ignore[call-arg]
    for days in (0, 8):
        GatewaySettings(_env_file=None, content_retention_days=days)  # type: ignore[call-arg]


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        GatewaySettings(_env_file=None, trusted_proxies="nginx")  # type: ignore[arg-type,call-arg]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("default_deadline_ms", 1),
        ("queue_limit", 1),
        ("max_image_tokens", 4),
        ("vision_cache_bytes", 0),
        ("inference_port", 0),
    ],
)
def test_a_replica_takes_no_number_that_cannot_work(name: str, least: int) -> None:
    assert getattr(InferenceSettings(_env_file=None, **{name: least}), name) == least  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=name):
        InferenceSettings(_env_file=None, **{name: least - 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("model_revision", "qwen3-vl/8b:autumn", "秋天"),
        ("model_revision", "x" * 64, "x" * 65),
        ("log_level", "WARN", "verbose"),
    ],
)
def test_a_replica_takes_no_name_that_cannot_be_told(name: str, good: str, bad: str) -> None:
    assert getattr(InferenceSettings(_env_file=None, **{name: good}), name) == good  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=name):
        InferenceSettings(_env_file=None, **{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [GatewaySettings, InferenceSettings, AutoscalingSettings])
def test_every_number_has_a_least_one_and_none_is_without_an_end(
    settings: type[BaseSettings],
) -> None:
    """A negative one would take the site down, or do nothing without a word."""
    for name, field in settings.model_fields.items():
        if not re.search(r"\b(int|float)\b", str(field.annotation)) or "dict" in str(
            field.annotation
        ):
            continue
        marks = [getattr(mark, end, None) for mark in field.metadata for end in ("ge", "gt")]
        assert any(mark is not None for mark in marks), name
        for value in (-1e9, float("inf"), float("nan")):
            with pytest.raises(ValidationError, match=name):
                settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("nsfw_threshold", "80", "1"),  # a percentage, which no photo would reach
        ("blocked_photo_hashes", "zz", "0123456789abcDEF"),
        ("blocked_images", "zz", "ab" * 32),
        ("log_level", "LOUD", "DEBUG"),
        ("log_level", "info", "WARN"),
        ("business_time_zone", "Asia/Shangai", "Europe/Berlin"),
        ("business_time_zone", "Asia", "UTC"),  # a folder of zones
        ("business_time_zone", "/etc/passwd", "Asia/Shanghai"),
        ("allowed_hosts", "https://shop.example", "shop.example,*.B.example,*"),
        ("allowed_hosts", "shop.example:8443", "10.0.0.5,[::1],shop_1"),
        ("allowed_hosts", "shop.*", "localhost"),
        ("cache_budget_ms", "0", "1"),
        ("answer_fresh_s", "0", "1"),
        ("tenant_quarantine_votes", "shop=-1", "shop=0"),
        ("gateway_port", "70000", "0"),
        ("content_retention_days", "3650000", "0"),
        ("traces_endpoint", "collector:4318", "http://collector:4318/v1/traces"),
        ("image_store_endpoint", "storage.example:9000", "https://storage.example:9000"),
    ],
)
def test_a_value_that_would_do_nothing_or_end_in_a_traceback_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str, right: str
) -> None:
    monkeypatch.setenv(name.upper(), right)
    GatewaySettings(_env_file=None)
    monkeypatch.setenv(name.upper(), wrong)
    with pytest.raises(ValidationError, match=name):
        GatewaySettings(_env_file=None)


@pytest.mark.parametrize(
    ("total_gb", "free_gb", "full"),
    [(250, 20, False), (250, 1.9, True), (4000, 3, False), (10, 0.9, True), (10, 1.1, False)],
)
def test_a_disk_is_full_where_neither_its_share_nor_what_is_left_is_enough(
    total_gb: float, free_gb: float, full: bool
) -> None:
    settings = GatewaySettings(_env_file=None, image_disk_free=0.1)
    assert settings.disk_is_full(int(total_gb * 1024**3), int(free_gb * 1024**3)) is full
