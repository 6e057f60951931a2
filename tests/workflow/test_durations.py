"""Durations, instants and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.durations import format_duration, format_timestamp, parse_duration, parse_size, parse_timestamp


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("10s", 10_000_000),
        ("5m", 300_000_000),
        ("2d", 172_800_000_000),
        ("1w", 604_800_000_000),
        ("1h30m", 5_400_000_000),
        ("1.5s", 1_500_000),
        ("250ms", 250_000),
        ("7us", 7),
        ("0s", 0),
        ("PT90S", 90_000_000),
        ("P1DT2H3M4.5S", 93_784_500_000),
        ("P2W", 1_209_600_000_000),
    ],
)
def test_a_duration_is_read(text, microseconds):
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize("text", ["", "10", "s", "10 s", "-1s", "P", "PT", "1y", "5m!", 11, None, "101w" * 99, "1٣s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_a_duration_is_written_as_it_is_read(microseconds):
    assert parse_duration(format_duration(microseconds)) == microseconds


def test_a_duration_is_written_in_one_unit():
    assert format_duration(5_400_000_000) == "90m"
    assert format_duration(86_400_000_000) == "1d"
    assert format_duration(0) == "0s"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"),
        ("2026-03-01T09:00:00+01:00", "2026-03-01T08:00:00Z"),
        ("2026-03-01 09:00Z", "2026-03-01T09:00:00Z"),
        ("2026-03-01t09:00:00.5z", "2026-03-01T09:00:00.5Z"),
    ],
)
def test_an_instant_is_read_and_written(text, written):
    assert format_timestamp(parse_timestamp(text)) == written


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T09:00:00", "tomorrow", "2026-13-01T09:00:00Z", 5, None])
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(ValueError, match=r"instant|month|day"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("text", "size"), [("64KiB", 65_536), ("1 MB", 1_000_000), ("5", 5), (7, 7), ("2GiB", 2 << 30), ("3B", 3)]
)
def test_a_size_is_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "1.5MB", -1, True, None, "64kb"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="size"):
        parse_size(text)
