from datetime import UTC, datetime, timedelta, timezone

import pytest

from console.render_values import dollars, duration, event_json, instant, microseconds, rfc3339, tokens
from schemas.events import StepSucceeded
from schemas.message import Cause, ModelCall


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0 µs"),
        (999, "999 µs"),
        (1_000, "1 ms"),
        (12_345, "12.3 ms"),
        (999_499, "999 ms"),
        (999_500, "1.00 s"),
        (4_560_000, "4.56 s"),
        (59_994_000, "59.99 s"),
        (59_996_000, "1 m 00 s"),
        (185_000_000, "3 m 05 s"),
        (7_380_000_000, "2 h 03 m"),
        (200_000_000_000, "55 h 33 m"),
    ],
)
def test_durations_are_short_and_never_wrong_by_a_unit(micros: int, text: str) -> None:
    assert duration(micros) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (103_000, "$0.000103"),
        (1_500_000_000, "$1.50"),
        (1_234_000_000_000, "$1,234.00"),
    ],
)
def test_dollars_keep_every_digit(nano: int, text: str) -> None:
    assert dollars(nano) == text


def test_tokens_are_what_went_in_and_what_came_out() -> None:
    assert tokens(1234, 5) == "1,234 → 5"
    assert tokens(0, 0) == ""


def test_times_go_there_and_back() -> None:
    at = 1_795_503_048_710_650
    assert instant(at) == "2026-11-24 06:50:48 UTC"
    assert rfc3339(at) == "2026-11-24T06:50:48.710650Z"
    assert rfc3339(None) is None
    assert microseconds(datetime(2026, 11, 24, 6, 50, 48, 710650)) == at
    assert microseconds(datetime(2026, 11, 24, 6, 50, 48, 710650, UTC)) == at
    assert microseconds(datetime(2026, 11, 24, 8, 50, 48, 710650, timezone(timedelta(hours=2)))) == at
    assert microseconds(None) is None


def test_an_event_is_json_with_its_documents_opened() -> None:
    call = ModelCall("anthropic", "claude", input_tokens=3, raw=b"not json")
    event = StepSucceeded(
        "r", 2, 1, "w", 5, 9, Cause("step", 7, -1, "a#1"), "a", 1, b'{"x": [1]}', kind="tool", calls=[call]
    )
    told = event_json(event)
    assert (told["event"], told["kind"]) == ("StepSucceeded", "tool")
    assert told["output"] == {"x": [1]}
    assert told["cause"] == {"kind": "step", "log": 7, "offset": -1, "id": "a#1"}
    assert told["calls"][0]["input_tokens"] == 3 and told["calls"][0]["raw"] == "not json"
