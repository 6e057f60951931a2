import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from console.app import ENTRIES, load
from console.failure import FAILED, USAGE, Failure

Millrace = Callable[..., Any]

HEAVY = {
    "aiokafka",
    "anthropic",
    "duckdb",
    "faust",
    "google.genai",
    "genai_prices",
    "orjson",
    "pydantic",
    "rich",
    "yaml",
}


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_help_names_every_command_and_the_exit_codes(millrace: Millrace) -> None:
    said = millrace("--help")
    assert said.code == 0 and said.err == ""
    for entry in ENTRIES:
        assert f"\n  {entry.name} " in said.out
    for promised in ("Examples:", "0  done", "1  failed", "2  the command", "3  no broker", "MILLRACE_DEBUG=1"):
        assert promised in said.out


def test_help_comes_in_a_moment_and_imports_nothing_heavy() -> None:
    code = "import sys; from console.app import run; run(['--help']); print('loaded', *sys.modules)"
    loaded = set(python(code).rpartition("loaded")[2].split())
    assert not HEAVY & loaded
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        python("from console.app import run; run(['--help'])")
        took.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    assert min(took) < 0.5  # seconds of processor, whatever else runs; 0.1 where nothing does, promised are 0.3


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_has_a_page_with_examples_and_the_global_options(millrace: Millrace, entry: Any) -> None:
    said = millrace(entry.name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: millrace {entry.name} [OPTIONS]")
    assert "Options of all commands:\n  --broker HOST:PORT" in said.out
    assert "Examples:\n  " in said.out or "A file:\n  " in said.out or entry.name in ("demo", "doctor")
    assert load(entry).callback.__doc__.strip()[0].isupper()


def test_importing_the_commands_imports_nothing_heavy() -> None:
    modules = ", ".join(entry.module for entry in ENTRIES)
    loaded = set(python(f"import sys; import {modules}; print(*sys.modules)").split())
    assert not HEAVY & loaded


def test_without_a_command_the_help_is_shown_and_the_usage_is_wrong(millrace: Millrace) -> None:
    said = millrace()
    assert said.code == USAGE
    assert "Run workflows:" in said.out and said.err.startswith("error: a command is missing")


def test_a_misspelt_command_gets_a_suggestion(millrace: Millrace) -> None:
    said = millrace("strat")
    assert said.code == USAGE
    assert said.err.splitlines()[0] == "error: No such command 'strat'. Did you mean 'start'?"
    assert "remedy: millrace --help" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "hello", "--wiat"], "No such option: --wiat"),
        (["start"], "Missing argument 'WORKFLOW|FILE'"),
        (["runs", "--limit", "none"], "Invalid value for '--limit'"),
        (["runs", "--status", "done"], "'done' is none of accepted, running"),
        (["start", "hello", "--timeout", "3"], "--timeout means nothing without --wait"),
        (["start", "hello", "--run-id", "a b"], "'a b' can't be a run id"),
        (["start", "hello", "--label", "a"], "'a' is no KEY=VALUE"),
        (["publish", "a.yaml", "--alias", "Latest!"], "'Latest!' can't be an alias"),
        (["publish", "a.yaml", "--alias", "latest"], "latest moves by itself"),
        (["query"], "a question is wanted"),
        (["query", "select 1", "--json", "--csv"], "--json and --csv exclude each other"),
        (["--broker", "nonsense", "runs"], "'nonsense' is no HOST:PORT"),
    ],
)
def test_what_is_written_wrongly_is_told_in_one_block_with_code_2(
    millrace: Millrace, arguments: list[str], said: str
) -> None:
    told = millrace(*arguments)
    assert told.code == USAGE
    assert told.err.startswith("error: ") and said in told.err
    assert "Traceback" not in told.err and told.out == ""


def test_the_version_is_printed(millrace: Millrace) -> None:
    said = millrace("--version")
    assert said.code == 0 and said.out.startswith("millrace 0.")


def test_what_nobody_foresaw_is_one_block_unless_debugging_is_asked_for(
    millrace: Millrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("console.settings.load", broken)
    said = millrace("runs")
    assert said.code == FAILED
    assert said.err.startswith("error: this should not have happened\n  where:  ")
    assert "cause:  ZeroDivisionError: by zero" in said.err and "MILLRACE_DEBUG=1" in said.err
    monkeypatch.setenv("MILLRACE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        millrace("runs")


def test_a_failure_says_what_where_why_and_what_to_do() -> None:
    failure = Failure("it broke", where="a.yaml", cause="too thin\nby far", remedy="thicken it", lines=("  more",))
    assert str(failure).splitlines() == [
        "error: it broke",
        "  more",
        "  where:  a.yaml",
        "  cause:  too thin",
        "          by far",
        "  remedy: thicken it",
    ]


def test_shells_can_complete(millrace: Millrace, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # the shell is named, not guessed
    with pytest.raises(SystemExit):
        millrace("--show-completion", "bash")
    assert "_MILLRACE_COMPLETE" in capsys.readouterr().out
    monkeypatch.setenv("_MILLRACE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "millrace pub")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        millrace()
    assert capsys.readouterr().out.split() == ["publish"]
