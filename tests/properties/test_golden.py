"""A released fold never changes its meaning: the histories of the past fold into the states of the past."""

import json
from typing import Any

import pytest

from schemas.record import RECORDS, avro_schema
from tests.histories.golden import FOLDER, RELEASED, STORIES, read, run_ids, summary


def test_every_story_has_its_file():
    assert {file.stem for file in FOLDER.glob("*.json")} - {"released_schemas"} == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_a_golden_history_folds_as_it_did(name):
    golden, partition = read(FOLDER / f"{name}.json")
    assert summary(partition, run_ids(golden)) == golden["state"]


def only_added_to(before: dict[str, Any], now: dict[str, Any]) -> None:
    """All that a released schema says (logical types, defaults) still stands; what is new has a default."""
    fields = {field["name"]: field for field in now["fields"]}
    for field in before["fields"]:
        if isinstance(field["type"], dict) and field["type"]["type"] == "record":
            only_added_to(field["type"], fields[field["name"]]["type"])
        else:
            assert fields[field["name"]] == field, f"{before['name']}.{field['name']} was changed"
    for name in fields.keys() - {field["name"] for field in before["fields"]}:
        assert "default" in fields[name], f"{now['name']}.{name} is new and has no default"


@pytest.mark.parametrize("name", json.loads(RELEASED.read_text(encoding="utf-8")))
def test_released_schemas_are_only_added_to(name):
    """What the fingerprint can't see (logical types, defaults) must not be edited either."""
    only_added_to(json.loads(RELEASED.read_text(encoding="utf-8"))[name], avro_schema(RECORDS[name]))


def test_an_edit_would_be_seen():
    record = avro_schema(RECORDS["StepFailed"])
    changed = {**record, "fields": [{**f, "default": 9} if f["name"] == "tries" else f for f in record["fields"]]}
    with pytest.raises(AssertionError, match=r"StepFailed\.tries"):
        only_added_to(record, changed)
    grown = {**record, "fields": [*record["fields"], {"name": "x", "type": "long"}]}
    with pytest.raises(AssertionError, match="no default"):
        only_added_to(record, grown)
