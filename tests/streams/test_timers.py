"""Timers fire in order, at their time and not before."""

import asyncio

import pytest

from streams import clock
from streams.timers import Timer, Timers


def due_in(seconds: float, path: str = "p", partition: int = 0) -> Timer:
    return Timer(clock.now() + int(seconds * 1e6), partition, "r", path)


async def test_timers_fire_in_order_and_never_early():
    fired: list[tuple[str, int]] = []
    timers = Timers(lambda timer: fired.append((timer.path, clock.now() - timer.due)))
    for path, seconds in (("c", 0.09), ("a", 0.03), ("b", 0.06), ("past", -5)):
        timers.arm(due_in(seconds, path))
    await asyncio.sleep(0.2)
    assert [path for path, _ in fired] == ["past", "a", "b", "c"]
    assert all(late >= 0 for _, late in fired) and len(timers) == 0


async def test_an_earlier_timer_moves_the_alarm():
    fired: list[str] = []
    timers = Timers(lambda timer: fired.append(timer.path))
    timers.arm(due_in(3600, "late"))
    timers.arm(due_in(0.02, "soon"))
    await asyncio.sleep(0.1)
    assert fired == ["soon"] and len(timers) == 1
    timers.close()


async def test_timers_of_a_lost_partition_are_forgotten():
    fired: list[str] = []
    timers = Timers(lambda timer: fired.append(timer.path))
    timers.arm(due_in(0.02, "mine", 1))
    timers.arm(due_in(0.02, "gone", 2))
    timers.forget(2)
    await asyncio.sleep(0.1)
    assert fired == ["mine"]


async def test_a_timer_may_arm_another():
    fired: list[str] = []

    def again(timer: Timer) -> None:
        fired.append(timer.path)
        if len(fired) < 3:
            timers.arm(due_in(0.01, f"p{len(fired)}"))

    timers = Timers(again)
    timers.arm(due_in(0.01))
    await asyncio.sleep(0.15)
    assert fired == ["p", "p1", "p2"]


async def test_after_its_end_nothing_is_armed_any_more():
    fired: list[str] = []
    timers = Timers(lambda timer: fired.append(timer.path))
    timers.arm(due_in(0.02))
    timers.close()
    timers.arm(due_in(0.02))
    await asyncio.sleep(0.1)
    assert not fired and len(timers) == 0


def test_the_clock_goes_on_when_it_is_set_back_until_it_has_caught_up(monkeypatch):
    shown = {"wall": 1_000_000_000, "elapsed": 0}
    monkeypatch.setattr(clock, "wall", lambda: shown["wall"])
    monkeypatch.setattr(clock, "elapsed", lambda: shown["elapsed"])
    steady = clock._Steady()

    def after(elapsed: int, wall: int) -> int:
        shown["elapsed"] += elapsed
        shown["wall"] += wall
        return steady.now() - 1_000_000_000

    assert after(0, 0) == 0 and after(5, 5) == 5
    assert after(5, 4) == 9 and after(5, -2) == 9  # slewed: it stands
    assert after(10, -3_600_000_000) == 19 and after(20, 20) == 39  # set back by an hour: it goes on
    assert after(10, 10 + 3_600_000_100) == 137  # set right again


async def test_a_clock_that_is_set_forwards_makes_no_timer_late(monkeypatch: pytest.MonkeyPatch):
    fired: list[str] = []
    monkeypatch.setattr("streams.timers.LOOK_AGAIN", 0.02)
    timers = Timers(lambda timer: fired.append(timer.path))
    timers.arm(due_in(3600))
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() + 3_600_000_000)
    await asyncio.sleep(0.1)
    assert fired == ["p"]
