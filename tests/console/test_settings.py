from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.failure import USAGE, Failure
from console.settings import KNOWN, load, load_with_origins
from console.sources import strange_variables


def file(text: str, path: Path = Path("millrace.toml")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_the_defaults_hold(here: Path) -> None:
    settings, origins = load_with_origins()
    assert (settings.broker, settings.partitions, settings.topic_prefix) == ("127.0.0.1:9092", 24, "")
    assert settings.database == Path(".millrace/millrace.duckdb")
    assert settings.snapshot == Path(".millrace/snapshot.duckdb")
    assert set(origins.of.values()) == {"default"} and origins.file is None
    assert settings.kafka_auth() == {}


def test_a_flag_beats_the_environment_which_beats_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file('broker = "file:1"\napp = "of-file"\npartitions = 3\n')
    monkeypatch.setenv("MILLRACE_BROKER", "env:1")
    monkeypatch.setenv("MILLRACE_APP", "of-env")
    settings, origins = load_with_origins(broker="flag:1")
    assert (settings.broker, settings.app, settings.partitions) == ("flag:1", "of-env", 3)
    assert [origins.of[name] for name in ("broker", "app", "partitions", "replication")] == [
        "flag",
        "env MILLRACE_APP",
        "file millrace.toml",
        "default",
    ]


def test_the_data_folder_moves_what_stands_in_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_DATA_DIR", "elsewhere")
    monkeypatch.setenv("MILLRACE_SNAPSHOT", "shared/snap.duckdb")
    settings = load()
    assert settings.database == Path("elsewhere/millrace.duckdb")
    assert settings.snapshot == Path("shared/snap.duckdb")


def test_an_empty_variable_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_BROKER", "")
    settings, origins = load_with_origins()
    assert settings.broker == "127.0.0.1:9092" and origins.of["broker"] == "default"


@pytest.mark.parametrize("text", ["tools:./more", '["tools", "./more"]'])
def test_a_list_in_the_environment_is_written_like_path_or_as_json(
    here: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("MILLRACE_TOOLS_PATH", text)
    assert load().tools_path == ["tools", "./more"]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("1.5", 1.5), ("2m", 120.0), ("250ms", 0.25)])
def test_seconds_may_have_a_unit(here: Path, monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("MILLRACE_GRACE", text)
    assert load().grace == seconds


def test_relative_paths_of_a_file_begin_at_its_own_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(
        'data_dir = "data"\nsecrets_dir = "/run/secrets"\ntools_path = ["./tools", "shop"]\n', here / "etc/m.toml"
    )
    monkeypatch.setenv("MILLRACE_CONFIG", str(path))
    settings, origins = load_with_origins()
    assert settings.data_dir == here / "etc/data"
    assert settings.database == here / "etc/data/millrace.duckdb"
    assert settings.secrets_dir == Path("/run/secrets")
    assert settings.tools_path == [str(here / "etc/tools"), "shop"]
    assert origins.file == path


def refused(do: Callable[[], Any]) -> str:
    with pytest.raises(Failure) as failure:
        do()
    return str(failure.value)


def test_an_unknown_key_is_told_with_its_file_and_the_nearest_key(here: Path) -> None:
    file('brokers = "x:1"\nnonsense = 1\n')
    said = refused(load)
    assert "brokers: did you mean `broker`?" in said
    assert "  nonsense\n" in said
    assert "where:  millrace.toml" in said


def test_a_file_that_is_no_toml_is_told_with_the_place(here: Path) -> None:
    file("broker = \n")
    said = refused(load)
    assert "the settings file is no TOML" in said and "line 1" in said


def test_a_file_that_was_named_must_be_there(here: Path) -> None:
    assert "where:  nowhere.toml" in refused(lambda: load(config=Path("nowhere.toml")))


def test_every_bad_value_is_told_with_where_it_came_from(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file("partitions = 0\n")
    monkeypatch.setenv("MILLRACE_BROKER", "nonsense")
    monkeypatch.setenv("MILLRACE_TOPIC_PREFIX", "a b")
    with pytest.raises(Failure) as failure:
        load(models="clever")
    said = str(failure.value)
    assert failure.value.code == USAGE
    assert "broker (from env MILLRACE_BROKER): 'nonsense' is no HOST:PORT" in said
    assert "partitions (from file millrace.toml): " in said
    assert "topic_prefix (from env MILLRACE_TOPIC_PREFIX): topics are named" in said
    assert "models (from flag): " in said


def test_several_brokers_and_addresses_in_brackets_are_fine(here: Path) -> None:
    assert load(broker="a:1,b.example:2,[::1]:3").broker == "a:1,b.example:2,[::1]:3"


def test_a_login_needs_a_name_and_a_password(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    assert "needs sasl_username and sasl_password" in refused(load)
    monkeypatch.setenv("MILLRACE_SASL_USERNAME", "worker")
    monkeypatch.setenv("MILLRACE_SASL_PASSWORD", "hush-hush")
    monkeypatch.setenv("MILLRACE_SASL_MECHANISM", "SCRAM-SHA-512")
    settings = load()
    assert settings.kafka_auth() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "hush-hush",
    }
    assert "hush" not in repr(settings)


def test_encryption_brings_a_context_and_files_that_do_not_serve_are_told(here: Path) -> None:
    auth = load(security_protocol="SSL").kafka_auth()
    assert auth["security_protocol"] == "SSL" and auth["ssl_context"].check_hostname
    Path("ca.pem").write_text("no certificate", encoding="utf-8")
    said = refused(lambda: load(security_protocol="SSL", ssl_cafile=Path("ca.pem")).kafka_auth())
    assert "the TLS files can't be used" in said and "where:  ca.pem" in said


def test_variables_that_mean_nothing_are_noticed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MILLRACE_BROKR", "MILLRACE_CONFIG", "MILLRACE_DEBUG", "MILLRACE_SECRET_CRM", "MILLRACE_APP"):
        monkeypatch.setenv(name, "x")
    assert strange_variables(KNOWN) == ["MILLRACE_BROKR means nothing: did you mean `broker`?"]
