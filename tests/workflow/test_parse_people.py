"""What is wrong with waits, approvals, child runs and published records is told in words that help."""

import pytest

from tests.workflow.flow import problem

REFUSED = [
    ("wait: {}", "`wait` takes one of `for`, `until`, `signal`", "add one"),
    ("wait: {for: 1s, signal: go}", "`wait` takes one of `for`, `until`, `signal`, not 2", "keep one"),
    ("wait: {signal: 5}", "`signal` takes text, not 5", "write text"),
    ("wait: {until: tomorrow}", "'tomorrow' is no instant", "correct it"),
    ("wait: {signal: go}, on_timeout: never", "`on_timeout` takes fail or deny or continue, not 'never'", None),
    ("transform: 1, on_timeout: deny", "`on_timeout` does not belong to a `transform` step", None),
    ("approve: {prompt: x}", "`by` is missing in `approve`", "add `by: …`"),
    ("approve: {by: ada}", "`prompt` is missing in `approve`", "add `prompt: …`"),
    ("approve: {by: 5, prompt: x}", "`by` takes a text or a list of texts, not 5", None),
    ("approve: {by: ada, prompt: x, values: 1}", "`values` is no key of `approve`", "write `value`"),
    ("workflow: 5", "`workflow` takes name@alias or {define: …}, not 5", None),
    ("workflow: {}", "`define` is missing in `workflow`", "add `define: …`"),
    ("workflow: other, with: 5", "`with` takes a mapping, not 5", None),
    ("publish: {value: 1}", "`topic` is missing in `publish`", "add `topic: …`"),
    ("publish: {topic: t}", "`value` is missing in `publish`", "add `value: …`"),
    ("publish: {topic: t, value: 1, key: 5}", "`key` takes text, not 5", None),
    ("publish: {topic: t, value: 1, headers: 5}", "`headers` takes a mapping, not 5", None),
]


@pytest.mark.parametrize(("step", "said", "remedy"), REFUSED, ids=[step for step, _, _ in REFUSED])
def test_a_mistake_is_told_at_its_place(step, said, remedy):
    found = problem(f"- {{id: a, {step}}}")
    assert found.message.startswith(said) and found.place.line == 3
    assert remedy is None or found.remedy.startswith(remedy)


def test_a_secret_is_neither_published_nor_put_to_people():
    for step in ("publish: {topic: t, value: '{{ secrets.s }}'}", "approve: {by: ada, prompt: '{{ secrets.s }}'}"):
        assert problem(f"- {{id: a, {step}}}", "secrets: [s]\n").message == "a secret may not stand here"
