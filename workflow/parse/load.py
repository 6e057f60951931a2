"""From the text of a workflow file to its definition, or to everything that is wrong with it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from workflow.cel.scope import ERROR, RUN, Scope, root_scope
from workflow.definition import Steps, Workflow
from workflow.errors import DefinitionInvalid, Place, Problems
from workflow.keys import WORKFLOW
from workflow.levels import LEVELS
from workflow.parse.drafts import Draft, DraftReader
from workflow.parse.fields import Fields
from workflow.parse.files import Files, Read
from workflow.parse.policies import Policies
from workflow.parse.schema import read_schema
from workflow.parse.steps import Compiled, StepCompiler
from workflow.parse.triggers import read_triggers
from workflow.parse.visible import Unseen
from workflow.schema import Schema
from workflow.template import Template, compile_template
from workflow.types import MAP, Type, object_of
from workflow.yaml import MAX_SIZE, Mapping, plain
from workflow.yaml import read as read_yaml

LANGUAGE = 1

_NO_INPUTS = {"type": "object", "properties": {}, "additionalProperties": False}
_SETTINGS = ("budget", "concurrency", "dedupe", "ending", "extends", "with", "include", "defaults")
_CHECKED = ("budget", "concurrency", "dedupe", "ending")


def load(text: str, file: str = "<workflow>", *, read: Read | None = None) -> Workflow:
    """The definition; DefinitionInvalid holds every problem of the file.

    `read` gives the text of a file that the workflow names; `source` of the definition then holds that text.
    """
    problems = Problems(text)
    files = Files(read, problems)
    node = read_yaml(text, file, problems)
    workflow = None
    if isinstance(node, Mapping):
        workflow = _Loader(node, problems, files).workflow()
    elif node is not None:
        problems.add("type", "a workflow is a mapping", "begin with `name:` and `steps:`", node.place)
    pinned = files.pinned(text)
    if files.texts and len(pinned.encode()) > MAX_SIZE:
        message = "with the texts of its files the workflow is larger than 1 MiB"
        problems.add("too_large", message, "shorten them, or hand them in as inputs", Place(file, 1, 1))
    if problems.errors or workflow is None:
        raise DefinitionInvalid(problems.ordered())
    if pinned != text:
        return replace(load(pinned, file), warnings=tuple(problems.ordered()))
    return replace(workflow, source=text, file=file, warnings=tuple(problems.ordered()))


class _Loader:
    def __init__(self, node: Mapping, problems: Problems, files: Files) -> None:
        self.node, self.problems, self.files = node, problems, files
        self.fields = Fields(node, WORKFLOW, "a workflow", problems)

    def workflow(self) -> Workflow:
        fields = self.fields
        for name in _CHECKED:
            if isinstance(node := fields.node_of(name), Mapping):
                Fields(node, LEVELS[name].keys, f"`{name}`", self.problems)
        inputs = self.inputs()
        scope = self.scope(inputs)
        reader = DraftReader(self.problems)
        lists = {name: reader.steps(fields.node_of(name)) for name in ("steps", "on_failure", "finally")}
        compiler = StepCompiler(
            self.problems, self.files, Policies(fields.node_of("defaults"), self.problems), reader.by_id
        )
        steps = compiler.list_of(lists["steps"], scope, {})
        afterwards = self.after_failure(scope)
        failed = {name: _any_absent(kind) for name, kind in steps.types.items()}
        return Workflow(
            name=str(fields.value("name", "")),
            version_hash=self.version_hash(),
            inputs=inputs,
            steps=steps.steps,
            description=fields.value("description", ""),
            outputs=self.outputs(steps, scope, reader.by_id),
            secrets=tuple(scope.secrets and fields.value("secrets", ())),
            deadline=fields.duration("deadline"),
            defaults=fields.value("defaults", {}),
            budget=fields.value("budget", {}),
            labels=fields.value("labels", {}),
            on_failure=self.ending(compiler, lists["on_failure"], afterwards, failed),
            finally_=self.ending(compiler, lists["finally"], afterwards, failed),
            triggers=read_triggers(fields.node_of("triggers"), scope, self.problems),
            settings={name: fields.value(name) for name in _SETTINGS if name in fields},
            keys=fields.keys,
            document=plain(self.node),
        )

    def inputs(self) -> Schema:
        node = self.fields.node_of("inputs")
        schema = None if node is None else read_schema(node, self.problems)
        if schema is not None and node is not None and schema.type.kind != "map":
            message = f"`inputs` lists names and types; this is a {schema.type}"
            self.problems.add("schema", message, "write `inputs: {name: type}`", node.place)
        return schema or Schema(_NO_INPUTS if node is None else {})

    def scope(self, inputs: Schema) -> Scope:
        secrets = self.fields.value("secrets", [])
        for name in {name for name in secrets if secrets.count(name) > 1}:
            place = self.fields.key_place("secrets")
            self.problems.add("duplicate_key", f"the secret `{name}` is listed twice", "keep one", place)
        template = MAP if "extends" in self.fields else None
        return root_scope(inputs.type, secrets, template)

    def after_failure(self, scope: Scope) -> Scope:
        """When a run has failed or ended, `run.error` may be read without a guard."""
        run = object_of({**(RUN.fields or {}), "error": ERROR})
        return scope.with_roots({"run": run})

    def ending(self, compiler: StepCompiler, drafts: list[Draft], scope: Scope, seen: dict[str, Type]) -> Steps | None:
        return compiler.list_of(drafts, scope, seen).steps if drafts else None

    def outputs(self, steps: Compiled, scope: Scope, by_id: dict[str, Draft]) -> Template | None:
        node = self.fields.node_of("outputs")
        if node is None:
            return None
        return compile_template(node, scope.with_steps(steps.types, Unseen(None, by_id)), self.problems)

    def version_hash(self) -> str:
        """The same for files that differ in comments and layout only; the order of keys is part of a version."""
        normal: dict[str, Any] = {"language": LANGUAGE, "document": plain(self.node)}
        text = json.dumps(normal, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _any_absent(kind: Type) -> Type:
    """In a run that failed, any step may be without an output."""
    return replace(kind, missing=kind.missing | {"output"})
