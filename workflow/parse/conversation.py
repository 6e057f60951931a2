"""`continue: STEP`: the conversation of an earlier step written out, its answer included, before what is asked now.

Nothing but names and values of the run stands in it, so the log holds all of it already.
"""

from collections.abc import Mapping as MappingOf

from workflow.errors import Place, Problems
from workflow.parse.drafts import Draft
from workflow.parse.files import Files
from workflow.yaml import Mapping, Node, Scalar, Sequence


class Conversations:
    """Of one file: what each step goes on with."""

    def __init__(self, by_id: MappingOf[str, Draft], files: Files, problems: Problems) -> None:
        self._by_id, self._files, self._problems = by_id, files, problems

    def before(self, draft: Draft) -> tuple[list[Node], Node | None]:
        """The messages that come before those of the step, and what the model was told first."""
        turns: list[Node] = []
        system, seen = draft.fields.node_of("system"), {draft.id}
        while (earlier := self._earlier(draft, seen)) is not None:
            turns = [*self._turns(earlier), *turns]
            system = system or earlier.fields.node_of("system")
            draft = earlier
        return turns, system

    def _earlier(self, draft: Draft, seen: set[str]) -> Draft | None:
        node = draft.fields.node_of("continue")
        if node is None:
            return None
        name = draft.fields.value("continue")
        earlier = self._by_id.get(name)
        if earlier is None or earlier.kind != "model" or name in seen:
            message = f"`{name}` is no model step before this one, so there is no conversation to go on with"
            self._problems.add("continue", message, "name a step that asks a model", node.place)
            return None
        if not isinstance(earlier.fields.node_of("messages"), Sequence | None):
            message = f"the messages of `{name}` come out of an expression, so they can't be gone on with"
            self._problems.add("continue", message, f"write the messages of `{name}` as a list", node.place)
        seen.add(name)
        return earlier

    def _turns(self, draft: Draft) -> list[Node]:
        fields = draft.fields
        messages, prompt = fields.node_of("messages"), fields.node_of("prompt")
        turns = list(messages.items) if isinstance(messages, Sequence) else []
        if prompt is not None:
            asked = {"role": _text("user", draft.place), "content": self._files.text_of(prompt)}
            if (attached := fields.node_of("attach")) is not None:
                asked["attach"] = attached
            turns.append(_mapping(asked, draft.place))
        answer = _text(f"{{{{ steps.{draft.id}.output }}}}", draft.place)
        return [*turns, _mapping({"role": _text("assistant", draft.place), "content": answer}, draft.place)]


def _mapping(entries: dict[str, Node], place: Place) -> Mapping:
    return Mapping(entries, dict.fromkeys(entries, place), place)


def _text(text: str, place: Place) -> Scalar:
    return Scalar(text, text, place, "", text)
