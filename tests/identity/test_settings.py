"""Settings: flags beat the environment, the environment beats defaults; and the key file."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from steelyard.adapters.store.sql.repositories import open_repositories
from steelyard.domain.errors import InputError, StorageError
from steelyard.settings import load_secret_key, load_settings, read_env


def test_defaults_lie_in_the_folder_dot_steelyard() -> None:
    settings = load_settings({})
    here = Path.cwd() / ".steelyard"
    assert settings.data_dir == Path(".steelyard")
    assert settings.database_url == f"sqlite:///{here}/steelyard.db"
    assert settings.storage_url == here.as_uri()
    assert (settings.executor, settings.lang) == ("local", "en")
    assert settings.root_api_key == settings.root_password == ""


ENVIRONMENT = {
    "STEELYARD_DATA_DIR": "/env/data",
    "STEELYARD_DATABASE_URL": "postgresql+psycopg://u:hunter2@h/n",
    "STEELYARD_STORAGE_URL": "s3://bucket/prefix",
    "STEELYARD_EXECUTOR": "ray",
    "STEELYARD_LANG": "zh",
    "STEELYARD_SECRET_KEY": "hunter2-secret",
    "STEELYARD_ROOT_ACCESS_KEY": "ak-hunter2",
    "STEELYARD_ROOT_SECRET_KEY": "sk-hunter2",
    "STEELYARD_ROOT_API_KEY": "api-hunter2",
    "STEELYARD_ROOT_PASSWORD": "pw-hunter2",
}
FLAGS = {
    "data_dir": "/flag/data",
    "database_url": "sqlite:////flag/a.db",
    "storage_url": "file:///flag/store",
    "executor": "local",
    "lang": "en",
}


def test_the_environment_beats_defaults() -> None:
    settings = load_settings(ENVIRONMENT)
    for name in ("data_dir", "database_url", "storage_url", "executor", "lang"):
        assert str(getattr(settings, name)) == ENVIRONMENT[f"STEELYARD_{name.upper()}"]
    for name in ("root_access_key", "root_secret_key", "root_api_key", "root_password"):
        assert getattr(settings, name) == ENVIRONMENT[f"STEELYARD_{name.upper()}"]


def test_flags_beat_the_environment() -> None:
    settings = load_settings(ENVIRONMENT, **FLAGS)  # type: ignore[arg-type]
    for name, value in FLAGS.items():
        assert str(getattr(settings, name)) == value


def test_the_data_dir_moves_database_and_storage_with_it() -> None:
    settings = load_settings({"STEELYARD_DATA_DIR": "/env/data"}, data_dir="/flag/data")
    assert settings.database_url == "sqlite:////flag/data/steelyard.db"
    assert settings.storage_url == "file:///flag/data"


def test_an_empty_variable_is_unset() -> None:
    assert load_settings(dict.fromkeys(ENVIRONMENT, "")) == load_settings({})


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "zh_TW"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "STEELYARD_LANG": "en"}, "en"),
    ],
)
def test_the_language_follows_the_locale_unless_set(environment: dict[str, str], lang: str) -> None:
    assert load_settings(environment).lang == lang


@pytest.mark.parametrize(
    ("environment", "flags", "where"),
    [
        ({"STEELYARD_LANG": "fr"}, {}, "STEELYARD_LANG"),
        ({"STEELYARD_LANG": "zh"}, {"lang": "fr"}, "--lang"),
        ({"STEELYARD_EXECUTOR": "slurm"}, {}, "STEELYARD_EXECUTOR"),
        ({}, {"executor": "slurm"}, "--executor"),
        ({"STEELYARD_STORAGE_URL": "ftp://host/x"}, {}, "STEELYARD_STORAGE_URL"),
        ({"STEELYARD_STORAGE_URL": "relative/path"}, {}, "STEELYARD_STORAGE_URL"),
        ({"STEELYARD_STORAGE_URL": "s3:///no-bucket"}, {}, "STEELYARD_STORAGE_URL"),
        ({"STEELYARD_STORAGE_URL": "file://host/path"}, {}, "STEELYARD_STORAGE_URL"),
        ({"STEELYARD_ROOT_ACCESS_KEY": "ak"}, {}, "STEELYARD_ROOT_SECRET_KEY"),
        ({"STEELYARD_ROOT_SECRET_KEY": "sk"}, {}, "STEELYARD_ROOT_ACCESS_KEY"),
        ({"STEELYARD_DATA_DIR": "/what?"}, {}, "/what?"),
    ],
)
def test_what_cannot_be_used_is_named(environment: dict[str, str], flags: dict[str, str], where: str) -> None:
    with pytest.raises(InputError) as caught:
        load_settings(environment, **flags)  # type: ignore[arg-type]
    assert where in caught.value.where
    assert "\n" not in caught.value.line()


def test_no_repr_shows_a_credential() -> None:
    assert "hunter2" not in repr(load_settings(ENVIRONMENT))


def test_odd_folder_names_work(tmp_path: Path) -> None:
    folder = tmp_path / "数据 100%#1 & more"
    settings = load_settings({}, data_dir=folder)
    open_repositories(settings.database_url, load_secret_key(settings)).close()
    assert (folder / "steelyard.db").is_file()
    assert Path(unquote(urlsplit(settings.storage_url).path)) == folder


def test_read_env_is_none_when_unset_or_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "value")
    monkeypatch.setenv("MY_EMPTY", "")
    monkeypatch.delenv("MY_MISSING", raising=False)
    assert [read_env(name) for name in ("MY_KEY", "MY_EMPTY", "MY_MISSING")] == ["value", None, None]


# --- the secret key ----------------------------------------------------------------------------------------------


def test_the_key_file_is_made_once_and_for_its_owner_alone(data_dir: Path) -> None:
    settings = load_settings({}, data_dir=data_dir)
    assert not data_dir.exists()
    key = load_secret_key(settings)
    assert load_secret_key(load_settings({}, data_dir=data_dir)) == key
    assert len(key) >= 32
    assert stat.S_IMODE((data_dir / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["secret.key"]


def test_the_environments_key_makes_no_file(data_dir: Path) -> None:
    settings = load_settings({"STEELYARD_SECRET_KEY": "from the environment"}, data_dir=data_dir)
    assert load_secret_key(settings) == b"from the environment"
    assert not data_dir.exists()


def test_processes_that_start_at_once_share_one_key(data_dir: Path) -> None:
    script = (
        "import sys; from steelyard.settings import load_secret_key, load_settings; sys.stdin.read();"
        "print(load_secret_key(load_settings({}, data_dir=sys.argv[1])).decode())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    keys = {process.communicate(timeout=30)[0] for process in processes}
    assert len(keys) == 1
    assert keys != {""}


def test_a_broken_key_file_is_never_replaced(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "secret.key").write_bytes(b"\n")
    with pytest.raises(StorageError, match="empty"):
        load_secret_key(load_settings({}, data_dir=data_dir))
    assert (data_dir / "secret.key").read_bytes() == b"\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = load_settings({}, data_dir=tmp_path / "file" / "data")
    with pytest.raises(StorageError) as caught:
        load_secret_key(settings)
    assert "STEELYARD_SECRET_KEY" in caught.value.hint
    with pytest.raises(StorageError) as caught:
        open_repositories(settings.database_url, b"key")
    assert "data directory" in caught.value.line()
