import json
from collections.abc import Callable
from typing import Any

import pytest

Millrace = Callable[..., Any]


def test_every_setting_is_shown_with_its_value_and_origin(millrace: Millrace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_PARTITIONS", "6")
    said = millrace("config", "--broker", "kafka:9")
    assert said.code == 0
    lines = {line.split()[0]: line.split() for line in said.out.splitlines() if line}
    assert lines["broker"][1:3] == ["kafka:9", "flag"]
    assert lines["partitions"][1:4] == ["6", "env", "MILLRACE_PARTITIONS"]
    assert lines["replies"][1:3] == ["–", "default"]


@pytest.mark.parametrize("order", [("--broker", "kafka:9", "config"), ("config", "--broker", "kafka:9")])
def test_global_options_may_stand_before_and_after_the_command(millrace: Millrace, order: tuple[str, ...]) -> None:
    said = json.loads(millrace(*order, "--json").out)
    assert said["broker"] == {"value": "kafka:9", "origin": "flag"}


def test_a_flag_of_one_command_line_is_forgotten_in_the_next(millrace: Millrace) -> None:
    millrace("--broker", "kafka:9", "config")
    assert json.loads(millrace("config", "--json").out)["broker"]["origin"] == "default"


def test_secrets_are_masked(millrace: Millrace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_SASL_PASSWORD", "hush-hush")
    for arguments in (("config",), ("config", "--json")):
        said = millrace(*arguments)
        assert "hush" not in said.out and "**********" in said.out


def test_a_variable_that_means_nothing_is_a_warning(millrace: Millrace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_TOPICPREFIX", "x")
    said = millrace("config")
    assert said.code == 0
    assert said.err == "warning: the variable MILLRACE_TOPICPREFIX means nothing: did you mean `topic_prefix`?\n"
