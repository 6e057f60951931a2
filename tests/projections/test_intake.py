"""What comes in: bodies, void records, torn ones, gaps."""

from datetime import datetime

import orjson
import pytest

from projections.batch import Batch
from projections.intake import Intake, Raw, RecordsMissing
from schemas import events as e
from schemas import partition as p
from schemas.codec import UnknownSchema, encode
from schemas.message import Cause, ModelCall
from schemas.outcomes import StepReported
from tests.projections.histories import Log, Owner


def test_bodies_are_json_whatever_the_bytes_are() -> None:
    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    owner.start("run-1", inputs=b'{"deep": 1e999, "not": ok}')
    owner.write(p.Held, "run-1", seq=0, message_kind="StepReported", value=b"123")
    owner.write(e.RunSucceeded, "run-1", outputs=b'{"n": 123456789012345678901234567890}')
    owner.write(e.StepSucceeded, "run-1", seq=9, path="a", attempt=1, output=b"", worker="w",
                calls=[ModelCall("p", "m", raw=b"\xff")])  # fmt: skip
    _, started, held, succeeded, step = (row[14] for row in _take(log).events)
    assert orjson.loads(started)["inputs"] == {"base64": "eyJkZWVwIjogMWU5OTksICJub3QiOiBva30="}
    assert orjson.loads(held) == {"message_kind": "StepReported", "value": {"base64": "MTIz"}}
    assert '"outputs":{"n": 123456789012345678901234567890}' in succeeded
    assert orjson.loads(step)["output"] is None
    assert orjson.loads(step)["calls"][0]["raw"] == {"base64": "/w=="}


def test_what_no_owner_writes_is_void_and_kept() -> None:
    batch = _intake().take([Raw(0, 0, None), Raw(0, 1, b"garbage"), Raw(0, 2, b"")])
    assert [row[7] for row in batch.events] == ["unreadable"] * 3
    assert [row[14] for row in batch.events] == ["null", '{"base64":"Z2FyYmFnZQ=="}', '{"base64":""}']
    assert batch.positions.changed[(0,)]["next_offset"] == 3


def test_times_outside_the_calendar_are_unknown() -> None:
    log = Log(1)
    log.now = 1
    owner = Owner(log, 0, "w1").claim()
    owner.write(e.StepSucceeded, "run-1", path="a", attempt=1, output=b"1", started=2**62, ended=-(2**62))
    (attempt,) = _take(log).attempts.changed.values()
    assert (attempt["started_at"], attempt["ended_at"]) == (None, datetime(1970, 1, 1, 0, 0, 2, 1))


@pytest.mark.parametrize(
    "value",
    [
        b"\xc3\x01",
        encode(p.DeadLetter("t", 0, 0, "r", "m", 1))[:-1],
        encode(StepReported("run-1", "a", 1, "w", "succeeded")),
    ],
)
def test_a_torn_record_and_one_that_is_no_event_are_void_as_for_the_owner(value: bytes) -> None:
    assert [row[7] for row in _intake().take([Raw(0, 0, value)]).events] == ["unreadable"]


def test_a_record_whose_schema_nobody_knows_cannot_be_judged() -> None:
    with pytest.raises(UnknownSchema):
        _intake().take([Raw(0, 0, b"\xc3\x0112345678")])


def test_a_gap_in_the_offsets_is_refused_and_what_was_read_is_skipped() -> None:
    log = Log(1)
    Owner(log, 0, "w1").claim().start("run-1")
    intake = _intake()
    assert intake.take(log.records()).records == 2
    assert intake.take(log.records()).records == 0
    with pytest.raises(RecordsMissing, match=r"goes on at offset 5, but 2 is the next"):
        intake.take([Raw(0, 5, None)])


def test_the_position_names_the_log_that_an_archive_was_restored_to() -> None:
    from schemas.message import Positions

    log = Log(1)
    owner = Owner(log, 0, "w1").claim()
    restored = p.PartitionRestored("", 0, 2, "w2", 0, log.tick(), Cause("recovery"), 99, Positions(), from_log=7)
    owner._append(restored)
    assert _take(log).positions.changed[(0,)]["log"] == 99


def _intake() -> Intake:
    return Intake({}, {}, lambda run_ids: {})


def _take(log: Log) -> Batch:
    return _intake().take(log.records())
