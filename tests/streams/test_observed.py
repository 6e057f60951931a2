"""Who is lost: counted in our own beats, never in record times."""

from schemas.workers import WorkerBeat
from streams.beats import LOST, Observed


def beat(worker: str, seat: str = "", start: int = 1) -> WorkerBeat:
    return WorkerBeat(worker, seat or worker, start, 1, 0, "0")


def observed(*beats: tuple[WorkerBeat, float]) -> Observed:
    seen = Observed("me")
    for one, at in beats:
        seen.beat(one, at)
    return seen


def test_ten_beats_of_ours_without_one_of_theirs():
    seen = observed((beat("me"), 0.0), (beat("other"), 0.5))
    for second in range(1, LOST):
        seen.beat(beat("me"), float(second))
        assert not seen.lost("other")
    seen.beat(beat("me"), float(LOST))
    assert seen.lost("other") and not seen.lost("me")


def test_beats_that_come_in_a_bunch_count_once():
    seen = observed((beat("other"), 0.0))
    for _ in range(50):
        seen.beat(beat("me"), 1.0)  # an outage ended: all that was sent meanwhile comes at once
    assert not seen.lost("other")


def test_a_worker_that_was_never_seen_is_lost_after_ten_beats():
    seen = Observed("me")
    assert not seen.lost("unknown")
    for second in range(LOST):
        seen.beat(beat("me"), float(second))
    assert seen.lost("unknown")


def test_a_goodbye_and_a_newer_start_on_the_seat_need_no_waiting():
    seen = observed((beat("a", "seat", 1), 0.0), (beat("b", "other", 1), 0.0))
    seen.goodbye("b")
    assert seen.lost("b") and not seen.lost("a")
    seen.beat(beat("a2", "seat", 2), 1.0)
    assert seen.lost("a") and not seen.lost("a2") and seen.newest_start("seat") == 2


def test_a_beat_of_an_older_start_is_a_ghosts():
    seen = observed((beat("new", "seat", 5), 0.0), (beat("old", "seat", 4), 1.0))
    assert seen.lost("old") and not seen.lost("new")
    assert seen.newest_start("nowhere") == -1


def test_a_beat_of_a_later_version_is_a_sign_of_life_before_its_schema_is_known():
    seen = Observed("me")
    for at in range(8):
        seen.beat(beat("me"), float(at))
    seen.alive("later")
    for at in range(8, 17):
        seen.beat(beat("me"), float(at))
    assert not seen.lost("later") and seen.lost("never seen")


def test_who_else_is_alive():
    seen = observed((beat("me"), 0.0))
    assert not seen.others()
    seen.beat(beat("other"), 0.5)
    assert seen.others()
    seen.goodbye("other")
    assert not seen.others()
