"""Golden histories: real records of the past, replayed in every build to the state they had then.

`python -m tests.histories.golden` writes the files that are missing; one that is there is never written again.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from schemas.codec import Decoder, encode, fingerprint
from schemas.message import Event
from schemas.record import avro_schema
from tests.story import Shelf, Story, replay, told
from workflow.ended import id_hash
from workflow.partition import Partition

FOLDER = Path(__file__).parent
RELEASED = FOLDER / "released_schemas.json"

SHAPES = """
name: shapes
inputs: {n: integer}
steps:
  - id: p
    parallel:
      one: [{id: b, tool: t.x}, {id: c, transform: {v: "{{ steps.b.output }}"}}]
      two: [{id: d, when: inputs.n > 3, tool: t.x}]
  - {id: w, wait: {for: 10s}}
  - {id: z, tool: t.x, on_error: [{id: fix, transform: "{{ error.message }}"}]}
"""
RETRIES = """
name: retries
steps:
  - {id: m, model: [claude-haiku-4-5, gemini-2.5-flash], prompt: hi, retry: {attempts: 2, backoff: 1s}}
  - {id: t, tool: t.x, idempotent: true}
"""


def shapes(story: Story) -> None:
    story.start(n=5).succeed("p/two/d", 1).succeed("p/one/b", 2).timer("w").fail("z", "fatal", "oh no")
    story.start("open", n=1)


def retries(story: Story) -> None:
    story.start().fail("m", "overloaded").fail("m", "overloaded").timer("m").succeed("m", "hello").lose("t")
    story.timer("t").give_back("t").timer("t").succeed("t", 1).start().cancel("nobody")


def refusals(story: Story) -> None:
    story.start(workflow="later").read_definitions().start("r2").cancel("r2").start("r3").succeed("m", "x", run_id="r3")


PEOPLE = """
name: people
steps:
  - {id: early, wait: {signal: go}}
  - {id: ok, approve: {by: [finance, ada], prompt: Sure, value: {sum: 5}}, timeout: 2d, on_timeout: deny}
  - {id: late, wait: {signal: stop}, timeout: 1h, on_timeout: continue}
  - {id: c, workflow: people@1, deadline: 1h, retry: {attempts: 2, backoff: 1s, on: [auth]}, on_error: continue}
  - {id: p, publish: {topic: t, key: k, value: 1}}
"""


def people(story: Story) -> None:
    story.start().signal("go", {"n": 1}).signal("later", 2).approve("ok", role="finance", value={"sum": 3})
    story.deny("ok").timer("late").tell_child("c", "started").tell_child("c", "failed", error_class="auth").timer("c")
    story.tell_child("c", "succeeded", output=b"7").succeed("p", {"partition": 0, "position": 1})
    story.start_child("child", "r", "c").cancel("child").forget("child")
    story.start("open").signal("kept", 1, "open").tell_child("c", "started", run_id="open")


STORIES: dict[str, tuple[str, Callable[[Story], None]]] = {
    "shapes": (SHAPES, shapes),
    "retries": (RETRIES, retries),
    "refusals": (RETRIES, refusals),
    "people": (PEOPLE, people),
}


def summary(partition: Partition, run_ids: Iterable[str]) -> dict[str, Any]:
    """What must never change about the state that a history folds into."""
    return {
        "runs": {run.id: {path: step.phase for path, step in run.steps.items()} for run in partition.runs.values()},
        "ready": {run.id: list(run.ready) for run in partition.runs.values()},
        "finished": {run_id: partition.ended.times[id_hash(run_id)] for run_id in run_ids if run_id in partition.ended},
        "positions": dict(partition.positions),
        "claim": [partition.claim.epoch, partition.claim.owner, partition.claim.n],
        "quarantined": sorted(partition.quarantined),
    }


def read(file: Path) -> tuple[dict[str, Any], Partition]:
    """A golden file, and what today's code folds its records into."""
    golden = json.loads(file.read_text(encoding="utf-8"))
    events = _events(golden)
    assert [told(event) for event in events] == [record["told"] for record in golden["events"]]
    return golden, replay(events, Shelf(golden["definition"]))


def run_ids(golden: dict[str, Any]) -> list[str]:
    """The runs of a golden file."""
    return list(dict.fromkeys(event.run_id for event in _events(golden)))


def _events(golden: dict[str, Any]) -> list[Event]:
    """The records of then, read with the schemas of their writers: the file's own, or the first that were released."""
    decoder = Decoder()
    for schema in [*json.loads(RELEASED.read_text(encoding="utf-8")).values(), *golden.get("schemas", [])]:
        decoder.learn(fingerprint(schema), schema)
    return [decoder.decode(bytes.fromhex(record["bytes"])) for record in golden["events"]]


def main() -> None:
    for name, (source, tell) in STORIES.items():
        file = FOLDER / f"{name}.json"
        if file.exists():
            continue
        story = Story(source)
        tell(story)
        events = [{"told": told(event), "bytes": encode(event).hex()} for event in story.history]
        kinds = {event.__class__.__name__: event.__class__ for event in story.history}
        schemas = [avro_schema(kinds[kind]) for kind in sorted(kinds)]
        golden = {"definition": source, "schemas": schemas, "events": events, "state": {}}
        golden["state"] = summary(story.partition, run_ids(golden))
        file.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
