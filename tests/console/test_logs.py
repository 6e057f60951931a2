import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from console.logs import configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is the process's own: what a test configures, it takes back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    names = ("aiokafka", "faust", "mode", "streams.transport", "httpx2", "httpcore2")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    for name, value in levels.items():
        logging.getLogger(name).setLevel(value)


def test_ours_and_the_libraries_lines_are_json_of_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    structlog.get_logger("millrace.test").info("owned", partition=3)
    logging.getLogger("library").warning("look at %s", "this")
    try:
        raise ValueError("odd")
    except ValueError:
        structlog.get_logger("millrace.test").exception("it broke")
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["logger"], line["level"], line["event"]) for line in lines] == [
        ("millrace.test", "info", "owned"),
        ("library", "warning", "look at this"),
        ("millrace.test", "error", "it broke"),
    ]
    assert lines[0]["partition"] == 3 and lines[0]["timestamp"].endswith("Z")
    assert "ValueError: odd" in lines[2]["exception"]


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "text")
    structlog.get_logger("millrace.test").info("not wanted")
    structlog.get_logger("millrace.test").warning("wanted", run_id="r-1")
    (line,) = capsys.readouterr().err.splitlines()
    assert "wanted" in line and "run_id=r-1" in line and "[millrace.test]" in line and "\x1b" not in line


def test_talkative_libraries_are_quiet_unless_debugging(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "text")
    logging.getLogger("aiokafka.consumer").warning("chatter")
    logging.getLogger("mode").info("chatter")
    assert capsys.readouterr().err == ""
    configure("debug", "text")
    logging.getLogger("aiokafka.consumer").debug("details")
    assert "details" in capsys.readouterr().err
