"""Validity, claims, positions, quarantine: what every reader of a partition agrees on."""

import pytest

from schemas import partition as p
from schemas.message import Cause, Positions
from tests.story import LOG, Story, claim, replay, same, told
from workflow import decide
from workflow.ended import DEDUPE_LIMIT, EndedIds
from workflow.messages import CommandAway, CommandTaken, CommandUnwanted, InputUnreadable, MarkDue
from workflow.partition import Partition, Quarantine
from workflow.validity import Claim

ONE = "name: one\nsteps: [{id: a, tool: t.one}]"


def test_a_record_counts_only_under_the_standing_claim_and_as_its_next():
    story = Story(ONE).start()
    started, scheduled = story.events
    partition = Partition(0, story.shelf)
    assert not partition.read(started)  # no claim yet
    assert partition.read(claim())
    assert not partition.read(scheduled)  # n is not the next
    assert partition.read(started) and not partition.read(started)  # a doubled produce
    assert partition.read(claim(2, "w2")) and not partition.read(scheduled)  # a zombie's record


@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_only_the_next_epoch_claims(epoch):
    standing = Claim(1, "w1", 5)
    assert not standing.admits(claim(epoch, "w2"))
    assert standing.admits(claim(2, "w2")) and not standing.admits(claim(2, "w3"))


def test_a_claim_with_a_number_is_void():
    numbered = p.PartitionClaimed("", 0, 1, "w", 3, 0, Cause("owner"), LOG, Positions())
    assert not Claim().admits(numbered)


def test_positions_are_the_highest_causes_of_this_log():
    story = Story(ONE).start().start("r2")
    assert story.partition.positions == {"command": 2, "outcome": 0}
    other = p.CommandRefused(
        "", 0, 1, "w1", story.partition.claim.n + 1, 0, Cause("command", LOG + 1, 99), "", "", "", ""
    )
    assert story.partition.read(other)
    assert story.partition.positions["command"] == 2


def test_a_claim_carries_positions_forward_and_a_restore_sets_them():
    partition = Partition(0, Story(ONE).shelf)
    partition.read(p.PartitionClaimed("", 0, 1, "w", 0, 0, Cause("owner"), LOG, Positions(5, 6)))
    assert partition.positions == {"command": 5, "outcome": 6} and partition.log == LOG
    assert partition.read(p.PartitionRestored("", 0, 2, "r", 0, 0, Cause("owner"), 9, Positions(1, 2), LOG))
    assert partition.positions == {"command": 1, "outcome": 2} and partition.log == 9


def test_what_the_doors_turn_away_is_recorded_and_moves_the_position():
    story = Story(ONE)
    story.take(CommandUnwanted("StartRun", "c", "", "unknown_field", "why", story.cause("command", "c")))
    story.then("CommandRefused unknown_field")
    story.take(InputUnreadable("t", "undecodable", "why", 3, 17, story.cause("command", ""))).then("InputRejected")
    story.take(CommandAway("c2", "elsewhere", 3, b"bytes", story.cause("command", "c2"))).then("CommandForwarded")
    assert story.partition.positions["command"] == 3
    assert [sent.partition for leaving in story.partition.outbox.values() for sent in leaving] == [3]


def test_a_mark_lets_go_of_what_arrived():
    story = Story(ONE)
    story.take(CommandAway("c2", "elsewhere", 3, b"bytes", story.cause("command", "c2")))
    story.take(MarkDue(1, 2)).then("PartitionMarked")
    assert not story.partition.outbox and same(story.replayed(), story.partition)
    story.take(CommandAway("c3", "elsewhere", 3, b"bytes", story.cause("command", "c3")))
    assert len(story.replayed().outbox) == 1


def test_a_mark_of_a_new_owner_keeps_what_an_earlier_one_could_not_deliver():
    story = Story(ONE)
    for name in ("c2", "c3"):
        story.take(CommandAway(name, "elsewhere", 3, b"bytes", story.cause("command", name)))
    new = claim(2, "w2")
    assert story.partition.read(new)
    story.history.append(new)
    story.take(MarkDue(1, 2)).then("PartitionMarked")
    assert list(story.partition.outbox) == [(1, 2)] and same(story.replayed(), story.partition)


def test_what_a_failed_decision_would_have_sent_stays_here(monkeypatch):
    story = Story(ONE)

    def forwards_and_breaks(t, message):
        t.note(p.CommandForwarded, command_id="c", home=3, value=b"bytes")
        raise RuntimeError("broken")

    monkeypatch.setitem(decide._DECISIONS, CommandTaken, forwards_and_breaks)
    story.start()
    assert isinstance(story.events[0], p.RunQuarantined) and not story.partition.outbox


def test_the_ids_of_ended_runs_are_forgotten_after_the_window_or_when_there_are_too_many():
    story = Story(ONE).start().succeed("a")
    assert "r" in story.partition.ended
    story.partition.forget_before(story.now + 601_000_000)
    assert "r" not in story.partition.ended
    ids = EndedIds()
    for number in range(DEDUPE_LIMIT + 5):
        ids.add(str(number), number)
    assert len(ids.times) == DEDUPE_LIMIT and "4" not in ids and "5" in ids


class Breaks(Exception):
    pass


def broken(*_: object) -> object:
    raise Breaks("a fault of ours")


def quarantined(monkeypatch) -> Story:
    story = Story(ONE).start().start("r2")
    with monkeypatch.context() as patched:
        patched.setattr("workflow.outcomes.progress", broken)
        story.succeed("a", 1)
    return story


def test_deciding_that_raises_sets_its_run_aside_alone(monkeypatch):
    story = quarantined(monkeypatch).then("RunQuarantined", "Held")
    assert "Breaks" in story.events[0].traceback and story.events[0].n + 1 == story.events[1].n
    assert set(story.partition.runs) == {"r2"} and set(story.partition.quarantined) == {"r"}
    story.succeed("a", 1, run_id="r2").then("StepSucceeded a 1", "RunSucceeded 1")


def test_messages_of_a_quarantined_run_are_held(monkeypatch):
    story = quarantined(monkeypatch)
    story.cancel().then("Held")
    story.resume().then_nothing()
    story.take(CommandUnwanted("StartRun", "c", "r", "unknown_field", "x", story.cause("command", "c")))
    story.then("CommandRefused unknown_field")


def test_a_release_waits_until_the_run_is_read_again_and_goes_on(monkeypatch):
    story = quarantined(monkeypatch)
    story.release().then("Held")
    story.read_again().then("RunReleased", "RunSnapshotted", "StepSucceeded a 1", "RunSucceeded 1")
    assert not story.partition.quarantined and "r" in story.partition.ended
    assert same(story.replayed(), story.partition)
    assert not {"r", *story.partition.watermark.fixed} & story.partition.watermark.runs.keys()


def test_what_still_cannot_be_folded_is_not_released_and_may_be_asked_for_again(monkeypatch):
    story = quarantined(monkeypatch)
    story.release().then("Held")
    assert story.partition.watermark.fixed, "the question is read again until it is answered"
    story.read_again(found=Quarantine(None, "folding still raises", "")).then("CommandRefused still_failing")
    assert not story.partition.watermark.fixed
    story.read_again().then_nothing()
    story.release().read_again().then("RunReleased", "RunSnapshotted", "StepSucceeded a 1", "RunSucceeded 1")


def test_a_release_that_was_asked_for_is_taken_up_by_the_next_owner(monkeypatch):
    story = quarantined(monkeypatch).release()
    story.partition = story.replayed()
    assert story.partition.quarantined["r"].asked()
    story.cancel()  # held after the release was asked for
    story.read_again()
    assert [told(event) for event in story.events][:3] == ["RunReleased", "RunSnapshotted", "StepSucceeded a 1"]
    assert same(story.replayed(), story.partition)


def test_a_run_whose_state_is_at_hand_is_released_at_once(monkeypatch):
    story = quarantined(monkeypatch)
    story.partition = story.replayed()
    story.release().then("RunReleased", "RunSnapshotted", "StepSucceeded a 1", "RunSucceeded 1")
    assert same(story.replayed(), story.partition)


def test_a_held_command_is_applied_once_at_the_release(monkeypatch):
    story = quarantined(monkeypatch).cancel(command_id="stop")
    story.partition = story.replayed()
    held = story.partition.quarantined["r"].held
    assert [h.message_kind for h in held] == ["StepReported", "CancelRun"]
    story.release()
    assert [told(event) for event in story.events][:1] == ["RunReleased"]


def test_a_start_that_was_set_aside_begins_when_it_is_released(monkeypatch):
    story = Story(ONE)
    with monkeypatch.context() as patched:
        patched.setattr("workflow.commands._begin", broken)
        story.start().then("RunQuarantined", "Held")
    story.partition = story.replayed()
    story.release().then("Held")
    story.read_again().then("RunReleased", "RunStarted", "StepScheduled a#1")
    assert not story.partition.quarantined and same(story.replayed(), story.partition)
    story.succeed("a", 1).then("StepSucceeded a 1", "RunSucceeded 1")


def test_a_run_that_is_not_quarantined_is_not_released():
    Story(ONE).start().release().then("CommandRefused not_quarantined")


def test_a_broken_sequence_sets_the_run_aside():
    story = Story(ONE).start()
    skipped = story.events[1]
    skipped.seq = 9
    partition = replay(story.history, story.shelf)
    assert set(partition.quarantined) == {"r"} and "SequenceBroken" in partition.quarantined["r"].reason
    assert partition.claim.n == 2  # the record counted: its successors are the next


def test_records_of_a_run_set_aside_are_passed_over():
    story = Story(ONE).start()
    partition = replay(story.history[:2], story.shelf)
    partition.set_aside("r", "why", "")
    assert partition.read(story.history[2]) and "r" not in partition.runs
    partition.set_aside("r", "again", "")
    assert partition.quarantined["r"].reason == "why"


def test_a_run_whose_definition_is_gone_is_set_aside():
    story = Story(ONE).start()
    story.shelf.by_hash.clear()
    partition = story.replayed()
    assert "workflow.definitions" in partition.quarantined["r"].reason
