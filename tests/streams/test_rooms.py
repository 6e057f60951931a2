"""Who has room: as beats say, less what was given since."""

from schemas.workers import WorkerBeat
from streams.rooms import SILENT, Rooms


def beat(worker: str, slots: int, running: int = 0, queue: str = "gpu") -> WorkerBeat:
    return WorkerBeat(worker, "s", 1, 1, 0, "v", running=running, queue=queue, slots=slots, inbox=3)


def rooms(**silence: int) -> Rooms:
    return Rooms(lambda worker: silence.get(worker, 0))


def test_the_worker_with_most_room_is_taken_first_and_none_beyond_its_slots():
    found = rooms()
    found.heard(beat("a", slots=1))
    found.heard(beat("b", slots=3, running=1))
    assert [room.worker if (room := found.take("gpu")) else None for _ in range(4)] == ["b", "a", "b", None]
    found.give_back("b")
    assert found.take("gpu").worker == "b"


def test_a_queue_has_its_own_workers():
    found = rooms()
    found.heard(beat("a", slots=1, queue="cpu"))
    assert found.take("gpu") is None and found.take("cpu").inbox == 3


def test_who_was_not_heard_of_or_left_is_given_nothing():
    found = rooms(a=SILENT)
    found.heard(beat("a", slots=1))
    found.heard(beat("b", slots=1))
    found.left("b")
    assert found.take("gpu") is None


def test_what_we_gave_counts_even_if_the_beat_was_sent_before():
    found = rooms()
    found.given = lambda worker: 2
    found.heard(beat("a", slots=3, running=0))
    assert found.take("gpu") is not None and found.take("gpu") is None


def test_room_is_told():
    told = []
    found = rooms()
    found.on_room = lambda: told.append(1)
    found.heard(beat("a", slots=1))
    found.heard(beat("a", slots=1, running=1))
    assert told == [1]
