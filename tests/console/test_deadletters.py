"""The dead letters on the command line: found, shown as they came, and sent again."""

import json
from pathlib import Path
from typing import Any

import pytest

from console.letter_filter import wanted
from console.render_letters import print_letter, told
from schemas import events as e
from schemas import partition as p
from schemas.codec import MARKER, encode, fingerprint
from schemas.commands import StartRun
from schemas.partition import DeadLetter, Header, LetterReplayed
from schemas.record import avro_schema
from schemas.topics import SCHEMAS
from streams.letters import Letter, NotReplayable, _headers
from tests.console.conftest import Millrace
from tests.running import running

FOLDER = Path(__file__).parent
PAGE = (FOLDER.parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")
HELLO = "name: hello\nsteps: [{id: a, tool: t.noop}]"
#: A start as a later version writes it: with a field that this one does not know.
LATER = avro_schema(StartRun)
LATER["fields"] = [*LATER["fields"], {"name": "mood", "type": "string", "default": ""}]
LATE_START = MARKER + fingerprint(LATER) + encode(StartRun(workflow="hello"))[10:] + b"\x08calm"


pytestmark = pytest.mark.brokers("embedded")


async def test_a_letter_is_found_shown_and_replayed_once_what_was_missing_is_there(broker, topic_prefix, ask):
    async with running(broker, topic_prefix) as world:
        call = ask(world)
        assert (await call("deadletters")).out == "no dead letters like that\n"
        await world.publish(HELLO)
        headers = [("shop", b"\xff\x01"), ("empty", None)]
        _, place = await world.produce(LATE_START, partition=0, key=b"no/id", headers=headers)
        await world.produce(b"{", partition=0)
        await world.until(p.InputRejected, 2)

        listed = json.loads((await call("deadletters", "list", "--where", "reason=unknown_schema", "--json")).out)
        assert [(letter["offset"], letter["replayed"]) for letter in listed] == [(place, [])]
        letter = str(listed[0]["letter"])
        shown = json.loads((await call("deadletters", "show", letter, "--json")).out)
        assert shown["headers"] == [{"name": "shop", "value": {"base64": "/wE="}}, {"name": "empty", "value": None}]
        seen = await call("deadletters", "show", letter)
        assert "unknown_schema: no schema is known" in seen.out and "shop: ff 01" in seen.out and "c3 01" in seen.out

        planned = await call("deadletters", "replay", "--where", "reason=unknown_schema", "--dry-run")
        assert planned.out.endswith("would be sent\n")
        parts = world.worker.parts
        await parts.producer.send_and_wait(
            world.settings.topic(SCHEMAS.name), json.dumps(LATER).encode(), fingerprint(LATER)
        )
        assert (await call("deadletters", "replay", letter)).out.endswith("sent\n")
        (started,) = await world.until(e.RunStarted)
        assert started.command_id == f"deadletter/{letter}"

        before = await call("deadletters", "replay", letter)
        assert before.code == 0 and "replayed before" in before.out
        left = json.loads((await call("deadletters", "list", "--where", "replayed=no", "--json")).out)
        assert [other["reason"] for other in left] == ["undecodable"]
        assert (await call("deadletters", "show", str(left[0]["letter"]), "--raw")).out == "{"
        assert (await call("deadletters", "replay", letter, "--again")).out.endswith("sent\n")
        (refused,) = await world.until(p.CommandRefused)
        assert refused.command_id == started.command_id and refused.run_id == started.run_id
        assert len(await world.until(e.RunStarted)) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["replay"], 2, "offsets, or --where"),
        (["show"], 2, "offsets, or --where"),
        (["list", "--where", "colour=red"], 2, "fields: topic"),
        (["list", "--where", "reason"], 2, "no condition"),
        (["bury"], 2, "bury"),
    ],
)
def test_what_is_asked_wrongly_is_told(millrace: Millrace, arguments: list[str], code: int, words: str) -> None:
    said = millrace("deadletters", *arguments)
    assert said.code == code and words in said.err


async def test_an_offset_where_no_letter_stands_is_told(broker, topic_prefix, ask):
    async with running(broker, topic_prefix) as world:
        said = await ask(world)("deadletters", "show", "7")
        assert said.code == 1 and "no dead letter stands at 7" in said.err


def letter(value: bytes | None = b"{", **more: Any) -> Letter:
    return Letter(17, DeadLetter("workflow.commands", 3, 5, "undecodable", "no JSON", 1, b"k", value, **more))


def test_conditions_name_a_field_and_what_it_is_or_contains():
    for text in ("reason=undecodable", "message~JSON", "partition=3", "offset=5", "key=k", "value~{", "replayed=no"):
        assert wanted([text], []).all(letter()), text
    for text in ("reason=x", "topic~events", "replayed=yes"):
        assert not wanted([text], []).all(letter()), text
    assert wanted([], [17]).known(letter()) and not wanted([], [18]).known(letter())
    replayed = letter()
    replayed.replays.append(LetterReplayed(17, "workflow.commands", 3, 9))
    assert wanted(["replayed=yes"], []).all(replayed) and wanted(["replayed=yes"], []).known(letter())


def test_a_letter_reads_as_text_where_it_is_text_and_as_bytes_where_not(capsys):
    print_letter(letter(b'{"workflow":\n"hello"'), json=False)
    assert '20 bytes\n{"workflow":\n"hello"' in capsys.readouterr().out
    print_letter(letter(encode(StartRun("c", "r")) + b"\xff" * 2_000), json=False)
    shown = capsys.readouterr().out
    assert "StartRun(command_id='c'" in shown and "00000000  c3 01" in shown and "more bytes, --raw" in shown
    print_letter(letter(None), json=False)
    assert capsys.readouterr().out.endswith("value     none\n")
    assert told(b"\xff") == {"base64": "/w=="} and told(b"a") == "a"


def test_what_cannot_be_sent_whole_is_not_sent():
    with pytest.raises(NotReplayable, match="only the beginning"):
        _headers(letter(whole=False))
    nothing = letter(None)
    nothing.said.key = None
    with pytest.raises(NotReplayable, match="neither a key nor a value"):
        _headers(nothing)
    with pytest.raises(NotReplayable, match="no UTF-8"):
        _headers(letter(original_headers=[Header(b"\xff")]))
    again = letter(original_headers=[Header(b"millrace-deadletter", b"3"), Header(b"a", b"1")])
    assert _headers(again) == [("a", b"1"), ("millrace-deadletter", b"17")]


def test_the_operations_page_shows_commands_as_they_are_called_here():
    """Offsets and run ids aside, each line of the page is one that this file or test_release.py calls."""
    called = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("test_deadletters.py", "test_release.py"))
    shown = [line.split(" > ")[0].split() for line in PAGE.splitlines() if line.startswith("millrace ")]
    assert len(shown) >= 9
    for line in shown:
        words = [word for word in line[1:] if not word.isdigit() and not word.startswith("order-")]
        for word in words:
            assert f'"{word}"' in called, line


async def test_the_filters_of_the_page(broker, topic_prefix, ask):
    async with running(broker, topic_prefix) as world:
        call = ask(world)
        await world.produce(MARKER + b"nobody's" + b"\xff", partition=0)
        (rejected,) = await world.until(p.InputRejected)
        new = await call("deadletters", "list", "--where", "reason=unknown_schema", "--where", "replayed=no")
        assert f"{rejected.deadletter}" in new.out and "unknown_schema" in new.out
        plan = await call("deadletters", "replay", "--where", "reason=unknown_schema", "--dry-run")
        assert plan.out.endswith("would be sent\n")
