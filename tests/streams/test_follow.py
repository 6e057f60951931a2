from collections.abc import AsyncGenerator

import pytest

from schemas import events as e
from schemas.message import Cause, Event
from schemas.partition import CommandRefused
from streams.follow import RunNotFound, Story, answer, tell
from streams.history import Piece

COMMAND = Cause("command", 1, 0, "c1")


def accepted(run_id: str = "r", incarnation: int = 1, command_id: str = "c1") -> Event:
    return e.RunAccepted(run_id, 1, 1, "w", 1, 0, COMMAND, command_id, "hello", b"{}", incarnation)


def started(run_id: str = "r", incarnation: int = 1, command_id: str = "c1") -> Event:
    return e.RunStarted(run_id, 1, 1, "w", 1, 0, COMMAND, command_id, "hello", 1, "h", b"{}", b"{}", incarnation)


def skipped(path: str = "a", run_id: str = "r") -> Event:
    return e.StepSkipped(run_id, 2, 1, "w", 2, 0, Cause("step"), path, path)


def succeeded(run_id: str = "r") -> Event:
    return e.RunSucceeded(run_id, 3, 1, "w", 3, 0, Cause("step"), b"{}")


def refused(command_id: str = "c1", run_id: str = "r") -> Event:
    return CommandRefused(run_id, 0, 1, "w", 4, 0, COMMAND, "StartRun", command_id, "why", "because")


async def pieces(*given: Piece) -> AsyncGenerator[Piece]:
    for piece in given:
        yield piece
    raise AssertionError("more was read than the story has")


def past(*events: Event) -> Piece:
    return Piece(list(events), live=False)


def live(*events: Event) -> Piece:
    return Piece(list(events), live=True)


async def told(story: Story, *given: Piece, **options: bool) -> list[Event]:
    return [event async for event in tell(pieces(*given), story, **options)]


async def test_a_run_is_told_from_its_beginning_to_its_end_and_nobody_elses() -> None:
    other = skipped(run_id="other")
    run = await told(Story("r"), past(started(), other), live(), live(skipped(), other), live(succeeded(), other))
    assert run == [started(), skipped(), succeeded()]


async def test_a_run_that_ended_long_ago_is_told_once_all_of_the_log_is_read() -> None:
    assert await told(Story("r"), past(started(), succeeded()), live()) == [started(), succeeded()]


async def test_of_a_run_id_that_was_used_again_the_latest_run_is_told() -> None:
    again = started(incarnation=2)
    run = await told(Story("r"), past(started(), skipped("old"), succeeded(), again), live(), live(succeeded()))
    assert run == [again, succeeded()]


async def test_a_run_that_was_accepted_before_it_started_is_one_run() -> None:
    assert await told(Story("r"), past(accepted()), live(started(), succeeded())) == [
        accepted(),
        started(),
        succeeded(),
    ]


async def test_the_run_of_a_command_is_told_and_not_the_one_before_it() -> None:
    again = started(incarnation=2, command_id="c2")
    story = Story("r", command_id="c2")
    assert await told(story, past(started(), succeeded()), live(), live(again), live(succeeded())) == [
        again,
        succeeded(),
    ]


async def test_a_refused_command_ends_its_story() -> None:
    story = Story("r", command_id="c2")
    assert await told(story, past(started()), live(), live(skipped()), live(refused("c2"))) == [refused("c2")]


async def test_without_the_past_only_what_comes_is_told() -> None:
    run = await told(Story("r"), past(started(), skipped("old")), live(), live(skipped(), succeeded()), past=False)
    assert run == [skipped(), succeeded()]


async def test_a_run_that_must_exist_and_does_not_is_told_as_soon_as_the_log_is_read() -> None:
    with pytest.raises(RunNotFound):
        await told(Story("r"), past(started("other")), live(), must_exist=True)


async def test_the_answer_to_a_command_is_what_it_brought_or_its_refusal() -> None:
    cancelled = e.RunCancelled("r", 4, 1, "w", 4, 0, Cause("command", 1, 7, "c9"))
    assert await answer(pieces(past(started()), live(skipped(), cancelled)), "c9") == cancelled
    assert await answer(pieces(past(started()), live(refused("c9"))), "c9") == refused("c9")
