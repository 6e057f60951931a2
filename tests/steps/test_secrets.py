"""Secrets: where they come from, where they go, and that they do not come back."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from steps.context import Context
from steps.failure import StepFailed
from steps.redact import Redactor
from steps.secrets import Secrets
from tests.steps.conftest import Make
from tests.steps.scheduled import scheduled


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    (tmp_path / "file_token").write_text("from-a-file\n", encoding="utf-8")
    return Secrets(tmp_path, Redactor())


def test_the_environment_comes_before_the_folder(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets.resolve("file_token") == "from-a-file"
    monkeypatch.setenv("MILLRACE_SECRET_FILE_TOKEN", "from-the-environment")
    assert secrets.resolve("file_token") == "from-the-environment"


@pytest.mark.parametrize("name", ["missing", "../file_token", "a/b", "."])
def test_a_missing_secret_is_named_with_the_remedy(secrets: Secrets, name: str) -> None:
    with pytest.raises(StepFailed) as failure:
        secrets.resolve(name)
    assert failure.value.error_class == "auth"
    assert repr(name) in failure.value.message
    assert f"set MILLRACE_SECRET_{name.upper()} or put a file" in failure.value.message


def test_without_a_folder_only_the_variable_is_the_remedy() -> None:
    with pytest.raises(StepFailed) as failure:
        Secrets(None, Redactor()).resolve("token")
    assert failure.value.message.endswith(": set MILLRACE_SECRET_TOKEN")


@pytest.mark.parametrize(
    ("arguments", "pointer", "filled"),
    [
        ({"a": None, "b": 1}, "/a", {"a": "x from-a-file", "b": 1}),
        ({"list": [0, {"deep": None}]}, "/list/1/deep", {"list": [0, {"deep": "x from-a-file"}]}),
        ({"a/b": {"c~d": None}}, "/a~1b/c~0d", {"a/b": {"c~d": "x from-a-file"}}),
        ([None], "/0", ["x from-a-file"]),
        (None, "", "x from-a-file"),
    ],
)
def test_secrets_are_put_where_the_pointers_say(secrets: Secrets, arguments: Any, pointer: str, filled: Any) -> None:
    parts = orjson.dumps({pointer: ["x ", {"secret": "file_token"}]})
    assert orjson.loads(secrets.fill(orjson.dumps(arguments), parts)) == filled


def test_arguments_without_secrets_pass_as_they_are(secrets: Secrets) -> None:
    arguments = b'{"a": 1}'
    assert secrets.fill(arguments, None) is arguments


async def test_a_step_with_a_missing_secret_fails_and_runs_nothing(make: Make) -> None:
    executor = await make()
    step = scheduled("tool", "sample_tools.die", {}, secrets=b'{"/status": [{"secret": "nowhere"}]}')
    outcome = await executor.run(step, Context())
    assert (outcome.status, outcome.error_class) == ("failed", "auth")


async def test_a_tool_gets_the_secret_and_the_record_does_not(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "millrace.tools")
    monkeypatch.setenv("MILLRACE_SECRET_TOKEN", "swordfish-91")
    executor = await make()
    step = scheduled("tool", "sample_tools.tell", {"token": None}, secrets=b'{"/token": [{"secret": "token"}]}')
    outcome = await executor.run(step, Context())
    assert orjson.loads(outcome.output or b"") == {"length": 12, "token": "[secret token]"}
    step = scheduled("tool", "sample_tools.betray", {"token": None}, secrets=b'{"/token": [{"secret": "token"}]}')
    outcome = await executor.run(step, Context())
    assert outcome.message == "ValueError: the token is [secret token]"
    assert "swordfish" not in repr(outcome)
    await executor.close()  # the last lines are in the log now
    assert "it is [secret token]!" in caplog.text
    assert "swordfish" not in caplog.text
