"""The editors' schema of the language says what the parser says."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from workflow import yaml
from workflow.errors import DefinitionInvalid, Problems
from workflow.keys import BESIDE, KINDS, STEP, WORKFLOW
from workflow.language import language_schema, rendered
from workflow.levels import LEVELS
from workflow.parse.load import load

ROOT = Path(__file__).parents[2]
EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.yaml")) if path.name != "replies.yaml"]
VALIDATOR = jsonschema.Draft202012Validator(language_schema())

EVERYTHING = """
name: triage
extends: base/support@3
with: {tone: friendly}
include: [snippets/pager.yaml]
inputs: {ticket: string, urgency: {type: integer, default: 3}}
secrets: [crm_token]
budget: {usd: 0.25, tokens: 60000}
deadline: 3d
concurrency: {key: "{{ inputs.ticket }}", limit: 1, then: wait}
dedupe: {key: "{{ inputs.ticket }}", for: 1h}
defaults: {model: claude-haiku-4-5, timeout: 60s, retry: {attempts: 4, backoff: 1s, factor: 2, max: 30s}}
steps:
  - id: facts
    parallel:
      customer:
        - id: crm
          http: {url: "https://crm.example/c", headers: {authorization: "Bearer {{ secrets.crm_token }}"}}
          output: {name: string, tier: {enum: [free, paid]}}
      history:
        - {id: past, sql: {connection: warehouse, query: select 1, args: ["{{ inputs.ticket }}"]}}
  - id: judge
    model: [claude-sonnet-4-5, gemini-2.5-pro]
    prompt: "{{ inputs.ticket }} {{ steps.facts.output.customer.body.tier }}"
    output: {verdict: {enum: [refund, escalate]}, score: number, note?: string}
  - id: route
    switch:
      - when: steps.judge.output.verdict == "refund"
        steps:
          - {id: ok, approve: {by: [finance], prompt: "Refund?"}, timeout: 2d, on_timeout: deny}
          - {id: refund, when: steps.ok.output.approved, tool: billing.refund, undo: {tool: billing.unrefund}}
      - else: true
        steps:
          - {id: reply, agent: {tools: [kb.search, "mcp:crm/*"], max_turns: 12}, model: m, prompt: Answer.}
  - {id: pause, wait: {for: 10m}}
  - {id: review, each: "{{ steps.facts.output.history }}", as: row, at_most: 8, failed: keep,
     steps: [{id: one, transform: {late: "{{ row.days > 3 }}"}}]}
  - {id: refine, loop: {while: round.output.score < 8.0, max: 5, first: {score: 0}},
     steps: [{id: draft, model: m, prompt: "Improve", output: {score: number}}]}
  - {id: late, sql: {over: {items: "{{ steps.review.output }}"}, query: select count(*) from items}}
  - {id: tell, workflow: notify@production, with: {score: "{{ steps.refine.output.score }}"}}
  - {id: out, publish: {topic: done, key: k, value: {a: 1}}}
  - {id: keep, object: {put: "s3://x/{{ run.id }}", value: v}}
  - {include: page_someone}
on_failure: [{id: page, tool: pager.page, with: {why: "{{ run.error.message }}"}}]
finally: [{id: close, tool: crm.close}]
ending: {deadline: 5m, usd: 0.05}
outputs: {score: "{{ steps.refine.output.score }}"}
triggers:
  - {schedule: "0 6 * * 1-5", timezone: Europe/Berlin, overlap: skip, catch_up: 1, with: {ticket: "d-{{ fire.time }}"}}
  - {topic: tickets.new, filter: event.data.lang == 'en', with: {ticket: "{{ event.data.id }}"}}
"""


def tree(text: str):
    node = yaml.read(text, "f", Problems(text))
    assert node is not None
    return yaml.plain(node)


def test_it_is_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(language_schema())
    assert language_schema()["$schema"].endswith("2020-12/schema")


def test_the_file_for_editors_is_up_to_date():
    text = (ROOT / "workflow" / "language.schema.json").read_text(encoding="utf-8")
    assert text == rendered(), "write workflow.language.rendered() into workflow/language.schema.json"
    assert json.loads(text) == language_schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_validate(path):
    VALIDATOR.validate(tree(path.read_text(encoding="utf-8")))


def test_a_file_with_everything_validates_and_is_read():
    VALIDATOR.validate(tree(EVERYTHING))
    assert load(EVERYTHING).steps.last.kind == "include"


@pytest.mark.parametrize(
    "steps",
    [
        "[]",
        "[{id: a}]",
        "[{id: a, tool: m.f, prompt: x}]",
        "[{id: a, tool: m.f, http: u}]",
        "[{id: A, tool: m.f}]",
        "[{id: a, http: {method: GET}}]",
        "[{id: a, wait: {}}]",
        "[{id: a, wait: {for: 1s, until: x}}]",
        "[{id: a, tool: m.f, timeout: soon}]",
        "[{id: a, tool: m.f, retry: {attempts: 0}}]",
        "[{id: a, parallel: {}}]",
        "[{id: a, parallel: {x: []}}]",
        "[{id: a, each: '{{ [1] }}'}]",
        "[{id: a, tool: m.f, output: strnig}]",
        "[{id: a, tool: m.f, output: [string, string]}]",
        "[{id: a, tool: m.f, on_error: ignore}]",
        "[{id: a, switch: [{steps: [{id: b, transform: 1}]}]}]",
        "[{id: a, tool: m.f, undo: {}}]",
        "[5]",
    ],
)
def test_what_the_parser_refuses_for_its_shape_the_schema_refuses_too(steps):
    text = f"name: t\nsteps: {steps}\n"
    assert not VALIDATOR.is_valid(tree(text))
    with pytest.raises(DefinitionInvalid):
        load(text)


def test_every_key_says_what_it_does():
    for keys in (STEP, BESIDE, WORKFLOW, *(level.keys for level in LEVELS.values())):
        for name, key in keys.items():
            assert re.fullmatch(r"[A-Z`$].*[.]", key.about), name
            assert key.shape.words


def test_every_key_beside_a_kind_is_known():
    for kind in KINDS.values():
        assert set(kind.beside) <= BESIDE.keys()
