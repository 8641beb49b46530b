"""One place for state and settings, whatever folder a command is started in."""

from pathlib import Path

import pytest

from contract.process import home as homes
from contract.process.home import PROJECT, env_file, home
from gateway.config import Settings as GatewaySettings
from inference.config import Settings as InferenceSettings


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing named, in a folder of no meaning."""
    for name in ("SHOPSIGHT_HOME", "XDG_DATA_HOME", "DATABASE_URL", "SPOOL_DIR", "IMAGE_DIR"):
        monkeypatch.delenv(name, raising=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout of its own."""
    made = tmp_path / "project"
    made.mkdir()
    for name in ("pyproject.toml", "Makefile"):
        (made / name).touch()
    monkeypatch.setattr(homes, "PROJECT", made)
    return made


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Outside of any checkout; the user's own folder."""
    monkeypatch.setattr(homes, "PROJECT", tmp_path / "site-packages")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "user"


def test_a_checkout_keeps_its_state_in_itself() -> None:
    assert home() == PROJECT / ".run"
    settings = GatewaySettings(_env_file=None)
    assert settings.database_url == f"sqlite:///{PROJECT / '.run' / 'shopsight.db'}"
    assert settings.spool_dir == PROJECT / ".run" / "spool"
    assert settings.image_dir == PROJECT / ".run" / "images"


def test_an_installation_keeps_its_state_where_its_user_s_data_are(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert home() == installed / ".local" / "share" / "shopsight"
    assert env_file() == home() / ".env"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored, says its specification
    assert home() == installed / ".local" / "share" / "shopsight"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home() == tmp_path / "data" / "shopsight"


def test_a_named_home_counts_before_both(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOPSIGHT_HOME", str(tmp_path / "named"))
    assert home() == tmp_path / "named"
    assert GatewaySettings().spool_dir == tmp_path / "named" / "spool"
    monkeypatch.setenv("SHOPSIGHT_HOME", "here")
    assert home() == Path.cwd() / "here"


def test_the_checkout_s_env_may_name_the_home(project: Path, tmp_path: Path) -> None:
    (project / ".env").write_text("SHOPSIGHT_HOME=state\n")
    assert home() == project / "state"
    (project / ".env").write_text(f"SHOPSIGHT_HOME={tmp_path / 'state'}\n")
    assert home() == tmp_path / "state"


def test_the_env_file_of_the_current_folder_is_not_read(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path(".env").write_text("SLOTS=2\nDEADLINE_MS=2\n")
    assert (InferenceSettings().slots, GatewaySettings().deadline_ms) == (None, 30_000)
    (project / ".env").write_text("SLOTS=3\nDEADLINE_MS=3\n")
    assert (InferenceSettings().slots, GatewaySettings().deadline_ms) == (3, 3)
    monkeypatch.setattr(homes, "PROJECT", tmp_path / "site-packages")
    monkeypatch.setenv("SHOPSIGHT_HOME", str(tmp_path / "named"))
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / ".env").write_text("SLOTS=4\n")
    assert InferenceSettings().slots == 4


def test_relative_paths_of_the_env_file_count_from_its_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "weights").mkdir()
    (project / ".env").write_text(
        "DATABASE_URL=sqlite:///state/log.db?timeout=5\nSPOOL_DIR=spool\nIMAGE_DIR=/images\n"
        "WEB_DIR=\nCHECKPOINT=weights\n"
    )
    settings = GatewaySettings()
    assert settings.database_url == f"sqlite:///{project / 'state' / 'log.db'}?timeout=5"
    assert settings.spool_dir == project / "spool"
    assert settings.image_dir == Path("/images")
    assert settings.web_dir is None
    assert InferenceSettings().checkpoint == str(project / "weights")
    for url in ("sqlite://", "sqlite:////var/log.db", "mysql+pymysql://app:s3@db/shopsight"):
        (project / ".env").write_text(f"DATABASE_URL={url}\nCHECKPOINT=Qwen/Qwen3-VL-2B-Instruct")
        assert GatewaySettings().database_url == url
    assert InferenceSettings().checkpoint == "Qwen/Qwen3-VL-2B-Instruct"
    monkeypatch.setenv("SPOOL_DIR", "spool")  # as everywhere in a shell: of the current folder
    assert GatewaySettings().spool_dir.absolute() == Path.cwd() / "spool"


def test_secrets_of_the_home_are_those_of_every_command(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".run").mkdir()
    (project / ".run" / "pseudonym_key").write_text("kept\n")
    (project / ".run" / "spool").mkdir()
    settings = GatewaySettings()
    assert settings.pseudonym_key.get_secret_value() == "kept"
    assert "session_secret" not in settings.model_fields_set
    monkeypatch.setenv("PSEUDONYM_KEY", "given")
    assert GatewaySettings().pseudonym_key.get_secret_value() == "given"
