"""Reads lists of steps as they are written: ids, kinds, needs and the lists inside."""

from dataclasses import dataclass, field

from workflow.cel.paths import suggestion
from workflow.cel.scope import NAMES
from workflow.cel.tokens import KEYWORDS, RESERVED
from workflow.errors import Place, Problems
from workflow.keys import BESIDE, KINDS, STEP, Key
from workflow.levels import LEVELS
from workflow.parse.fields import Fields
from workflow.yaml import Mapping, Node, Sequence


@dataclass(eq=False)
class Draft:
    """One step before its expressions are compiled."""

    id: str
    kind: str
    fields: Fields
    place: Place
    parent: "Draft | None"
    siblings: "list[Draft]"
    needs: tuple[str, ...] = ()
    branches: "dict[str, list[Draft]]" = field(default_factory=dict)
    body: "list[Draft]" = field(default_factory=list)
    cases: "list[tuple[Fields, list[Draft]]]" = field(default_factory=list)
    on_error: "list[Draft]" = field(default_factory=list)


class DraftReader:
    """Reads every list of steps of one file; `by_id` knows them all."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.by_id: dict[str, Draft] = {}

    def steps(self, node: Node | None, parent: Draft | None = None) -> list[Draft]:
        """The steps of one list; what is no step is reported and left out."""
        siblings: list[Draft] = []
        for item in node.items if isinstance(node, Sequence) else ():
            draft = self.step(item, parent, siblings)
            if draft is not None:
                siblings.append(draft)
        return siblings

    def step(self, node: Node, parent: Draft | None, siblings: list[Draft]) -> Draft | None:
        if not isinstance(node, Mapping):
            self.problems.add("type", "a step is a mapping", "write {id: …, model: …}", node.place)
            return None
        kind = self.kind(node)
        if kind is None:
            return None
        fields = Fields(node, _keys(kind), f"a `{kind}` step", self.problems)
        draft = Draft(self.id(fields, kind, len(siblings)), kind, fields, node.place, parent, siblings)
        self.by_id.setdefault(draft.id, draft)
        self.inside(draft)
        return draft

    def kind(self, node: Mapping) -> str | None:
        found = [name for name in KINDS if name in node.entries]
        if found == ["model", "agent"]:
            return "agent"
        if len(found) == 1:
            return found[0]
        if not found and "prompt" in node.entries:
            return "model"
        if found:
            message = f"a step has one kind; this one has {' and '.join(found)}"
            self.problems.add("kind", message, "make it several steps", node.keys[found[1]])
        else:
            self.problems.add("kind", "this step has no kind", self.kind_remedy(node), node.place)
        return None

    def kind_remedy(self, node: Mapping) -> str:
        for key in node.entries:
            near = suggestion(key, KINDS)
            if key not in STEP and near.startswith("write"):
                return f"{near} for `{key}`"
        return "add one of: " + ", ".join(KINDS)

    def id(self, fields: Fields, kind: str, number: int) -> str:
        name = fields.value("id")
        if name is None:
            if "id" not in fields.node.entries and kind != "include":
                self.problems.add("missing_key", "a step needs an id", "add `id: …`, unique in the file", fields.place)
            return f"_{kind}_{fields.place.line}_{fields.place.column}_{number}"
        place = fields.node.entries["id"].place
        check_name(name, place, self.problems)
        if name in self.by_id:
            first = self.by_id[name].place
            message = f"the id `{name}` is used twice; first in line {first.line}"
            self.problems.add("duplicate_id", message, "ids are unique in a file, nested lists included", place)
            return f"_{name}_{place.line}_{place.column}"
        return str(name)

    def inside(self, draft: Draft) -> None:
        """The lists of steps that belong to a step."""
        fields = draft.fields
        if draft.kind == "parallel":
            self.branches(draft)
        elif draft.kind == "switch":
            self.cases(draft)
        elif "steps" in fields:
            draft.body = self.steps(fields.node_of("steps"), draft)
        if isinstance(handlers := fields.node_of("on_error"), Sequence):
            draft.on_error = self.steps(handlers, draft)

    def branches(self, draft: Draft) -> None:
        node = draft.fields.node_of("parallel")
        if not isinstance(node, Mapping):
            return
        for name, steps in node.entries.items():
            check_name(name, node.keys[name], self.problems)
            if not isinstance(steps, Sequence) or not steps.items:
                self.problems.add("type", f"the branch `{name}` is a list of steps", "write `- id: …`", steps.place)
            draft.branches[name] = self.steps(steps, draft)
        if not node.entries:
            self.problems.add("type", "`parallel` has no branch", "write `name: [steps]`", node.place)

    def cases(self, draft: Draft) -> None:
        node = draft.fields.node_of("switch")
        items = node.items if isinstance(node, Sequence) else ()
        for number, item in enumerate(items, 1):
            if not isinstance(item, Mapping):
                self.problems.add("type", "a case is a mapping", "write {when: …, steps: […]}", item.place)
                continue
            fields = Fields(item, LEVELS["case"].keys, "a case", self.problems)
            if fields.one_of(("when", "else")) == "else" and number < len(items):
                self.problems.add("order", "cases after `else` are never reached", "move `else` to the end", item.place)
            draft.cases.append((fields, self.steps(fields.node_of("steps"), draft)))


def _keys(kind: str) -> dict[str, Key]:
    described = KINDS[kind]
    return {**STEP, **{name: BESIDE[name] for name in described.beside}, kind: Key(described.value, described.about)}


def check_name(name: str, place: Place, problems: Problems) -> None:
    """Names stand in expressions, so they can't be words that mean something to CEL."""
    if name in RESERVED | KEYWORDS:
        problems.add("reserved", f"`{name}` is a reserved word of CEL", "choose another name", place)


def check_variable(name: str, place: Place, problems: Problems) -> None:
    """The name of an item stands beside `inputs`, `steps` and the others, and may not hide one."""
    check_name(name, place, problems)
    if name in NAMES:
        problems.add("reserved", f"`{name}` has a meaning in expressions", "choose another name", place)
