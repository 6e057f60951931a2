import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.publish import read_workflows
from workflow.parse.load import load

Millrace = Callable[..., Any]

GOOD = "name: good\nsteps:\n  - {id: a, transform: 1}\n"
BAD = "name: bad\nsteps:\n  - {id: a, transfrom: 1}\n  - {id: b, transform: '{{ steps.x.output }}'}\n"
LATER = "name: later\nsteps:\n  - {id: a, agent: {tools: [t.x]}, model: m, prompt: 'Well?'}\n"


def write(name: str, text: str) -> Path:
    Path(name).write_text(text, encoding="utf-8")
    return Path(name)


def test_files_can_be_checked_without_a_broker(millrace: Millrace) -> None:
    write("good.yaml", GOOD)
    said = millrace("publish", "--check", "good.yaml")
    assert (said.code, said.out, said.err) == (0, "good.yaml: good is valid\n", "")
    (checked,) = json.loads(millrace("publish", "--check", "good.yaml", "--json").out)
    assert checked["name"] == "good" and len(checked["definition"]) == 32


def test_every_problem_of_every_file_is_shown_at_its_place(millrace: Millrace) -> None:
    write("good.yaml", GOOD)
    write("bad.yaml", BAD)
    write("later.yaml", LATER)
    said = millrace("publish", "good.yaml", "bad.yaml", "later.yaml")
    assert said.code == 1 and said.out == ""
    first, *rest = said.err.splitlines()
    assert first.startswith("error: ") and first.endswith("problems, nothing was published")
    assert "bad.yaml:3:5: this step has no kind" in rest
    assert "      - {id: a, transfrom: 1}" in rest and "        ^" in rest
    assert "bad.yaml:4:34: there is no step `x`" in said.err
    assert "later.yaml:3:13: `agent` is part of the language, but this version cannot run it yet" in rest
    assert sum(line.startswith("  remedy: ") for line in rest) >= 3


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cause:  No such file"), (b"name: \xff\xfe", "the workflow file is no UTF-8"), (b"", "the file is empty")],
)
def test_a_file_that_can_not_be_read_is_told(millrace: Millrace, content: bytes | None, said: str) -> None:
    if content is not None:
        Path("w.yaml").write_bytes(content)
    told = millrace("publish", "w.yaml")
    assert told.code == 1 and said in told.err and "w.yaml" in told.err


def test_texts_in_files_of_their_own_are_part_of_the_version(here: Path) -> None:
    write("prompt.md", "Say hello.")
    file = write("w.yaml", "name: w\nsteps:\n  - {id: a, model: claude-haiku-4-5, prompt: {file: prompt.md}}\n")
    (workflow,) = read_workflows([file])
    assert "Say hello." in workflow.source
    assert load(workflow.source, workflow.file).version_hash == workflow.version_hash


def test_without_a_broker_it_ends_with_3(millrace: Millrace, unused_tcp_port: int) -> None:
    write("good.yaml", GOOD)
    said = millrace("publish", "good.yaml", "--broker", f"127.0.0.1:{unused_tcp_port}")
    assert said.code == 3 and said.out == ""
    assert said.err.splitlines() == [
        f"error: no Kafka broker answers at 127.0.0.1:{unused_tcp_port}",
        "  remedy: check --broker and the security settings (`millrace config`), or start one: `millrace dev`, "
        "scripts/kafka",
    ]
