import io
from pathlib import Path

import pytest

from console.failure import Failure
from console.inputs import read_inputs
from workflow.parse.load import load
from workflow.schema import Schema

WORKFLOW = """
name: order
inputs:
  ref: string
  count: {type: integer, minimum: 1, default: 1}
  price?: number
  gift?: boolean
  tags?: [string]
  size?: {enum: [small, large]}
  extra?: {type: object}
steps: [{id: a, transform: 1}]
"""


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load(WORKFLOW).inputs


def refused(schema: Schema, *pairs: str, file: Path | None = None) -> str:
    with pytest.raises(Failure) as failure:
        read_inputs(schema, pairs, file)
    return str(failure.value)


def test_values_are_json_where_they_are_json_but_a_declared_string_stays_text(schema: Schema) -> None:
    pairs = ["ref=007", "count=3", "price=2.5", "gift=true", 'tags=["a","b"]', "size=small", 'extra={"a": [1]}']
    assert read_inputs(schema, pairs, None) == {
        "ref": "007",
        "count": 3,
        "price": 2.5,
        "gift": True,
        "tags": ["a", "b"],
        "size": "small",
        "extra": {"a": [1]},
    }


def test_a_value_may_hold_equals_signs_and_be_empty(schema: Schema) -> None:
    assert read_inputs(schema, ["ref=a=b="], None) == {"ref": "a=b="}
    assert read_inputs(schema, ["ref="], None) == {"ref": ""}


def test_the_command_line_beats_the_file(schema: Schema, tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    file.write_text("ref: from-file\ncount: 2\n", encoding="utf-8")
    assert read_inputs(schema, ["count=5"], file) == {"ref": "from-file", "count": 5}


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", '{"ref": "x", "tags": []}'), ("a.yaml", "ref: x\ntags: []\n"), ("a", '{"ref":"x","tags":[]}')],
)
def test_a_file_is_json_or_yaml(schema: Schema, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_inputs(schema, [], tmp_path / name) == {"ref": "x", "tags": []}


def test_a_dash_reads_standard_input(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ref: piped\n"))
    assert read_inputs(schema, [], Path("-")) == {"ref": "piped"}


def test_what_is_missing_or_unknown_or_of_another_type_is_told_with_what_is_wanted(schema: Schema) -> None:
    said = refused(schema, "count=many", "colour=red")
    assert '"ref" is a required property' in said
    assert "count: " in said and "colour" in said
    assert 'it wants ref: {"type": "string"}; count' in said


def test_a_workflow_without_inputs_wants_none() -> None:
    nothing = load("name: a\nsteps: [{id: a, transform: 1}]\n").inputs
    assert read_inputs(nothing, [], None) == {}
    assert "it wants no inputs" in refused(nothing, "a=1")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{broken", "the inputs are no JSON"),
        ("a.yaml", "a: [1", "the inputs are no YAML"),
        ("a.yaml", "- a\n", "the inputs are no mapping"),
    ],
)
def test_a_file_that_can_not_be_read_is_told(schema: Schema, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert said in refused(schema, file=tmp_path / name)


def test_a_file_that_is_not_there_is_told(schema: Schema, tmp_path: Path) -> None:
    assert "where:  " in refused(schema, file=tmp_path / "nowhere.json")


def test_a_pair_without_a_key_or_a_value_is_told(schema: Schema) -> None:
    assert "'ref' is no KEY=VALUE" in refused(schema, "ref")
    assert "'=x' is no KEY=VALUE" in refused(schema, "=x")
