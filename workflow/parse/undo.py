"""What takes a step back: a call that sees what its step saw, and its output."""

from workflow.definition import Undo
from workflow.levels import LEVELS
from workflow.parse.drafts import Draft
from workflow.parse.fields import Fields
from workflow.parse.kinds import Context, arguments
from workflow.yaml import Mapping


def read_undo(context: Context) -> Undo | None:
    """The call below `undo`, compiled in the scope that is handed in."""
    node = context.fields.node_of("undo")
    if not isinstance(node, Mapping):
        return None
    level = LEVELS["undo"]
    fields = Fields(node, level.keys, "`undo`", context.problems)
    kind = fields.one_of(level.one_of)
    if kind is None:
        return None
    draft = Draft("undo", kind, fields, node.place, context.draft.parent, context.draft.siblings)
    given = arguments(
        Context(
            draft, fields, context.scope, None, context.problems, context.files, context.defaults, context.conversations
        )
    )
    return Undo(kind, given.target, given.config, node.place)
