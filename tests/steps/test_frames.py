"""Frames: however the bytes arrive, the same frames come out, on both sides of the pipe."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.toolhost import frames
from steps.toolhost.child import frames as child_frames

FRAMES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 65535), st.binary(max_size=40)), max_size=8)


@given(sent=FRAMES, cuts=st.lists(st.integers(1, 30), max_size=30))
def test_frames_survive_any_cutting(sent: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frames.frame(frames.Kind(kind), call, body) for kind, call, body in sent)
    reader = frames.Reader(1000)
    received = []
    for size in [*cuts, len(stream) + 1]:
        received += list(reader.feed(stream[:size]))
        stream = stream[size:]
    assert received == sent


def test_a_frame_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ValueError, match="a frame of 11 bytes, where 10 are allowed"):
        list(frames.Reader(10).feed(frames.frame(frames.Kind.RETURNED, 0, b"x" * 11)))


def test_both_sides_speak_alike() -> None:
    assert child_frames.HEAD.format == frames.HEAD.format
    for name, kind in frames.Kind.__members__.items():
        assert getattr(child_frames, name) == kind


def test_the_childs_side_reads_what_arrives_in_parts_and_sees_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader = child_frames.Reader(theirs)
        sent = frames.frame(frames.Kind.CALL, 7, b"body") + frames.frame(frames.Kind.CANCEL, 7)
        ours.sendall(sent[:9])
        assert reader.read() == []
        ours.sendall(sent[9:])
        assert reader.read() == [(frames.Kind.CALL, 7, b"body"), (frames.Kind.CANCEL, 7, b"")]
        ours.shutdown(socket.SHUT_WR)
        assert reader.read() is None


def test_the_childs_side_survives_the_parents_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        writer = child_frames.Writer(theirs)
        writer.send(frames.Kind.RETURNED, 1, b"unread")
        ours.close()
        writer.send(frames.Kind.RETURNED, 2, b"lost")
        assert child_frames.Reader(theirs).read() is None
