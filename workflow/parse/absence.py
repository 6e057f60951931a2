"""Which steps may end without an output."""

from workflow.parse.drafts import Draft


def may_be_absent(draft: Draft) -> bool:
    """A step that may be skipped, or fail and be continued, or end in a list whose last step may be."""
    fields = draft.fields
    if fields.value("when", True) is not True or fields.value("on_error") == "continue":
        return True
    if fields.value("on_timeout") == "continue" or ends_absent(draft.on_error):
        return True
    if draft.kind == "switch":
        return _no_case_fits(draft) or any(ends_absent(steps) for _, steps in draft.cases)
    return draft.kind == "loop" and ends_absent(draft.body)


def ends_absent(drafts: list[Draft]) -> bool:
    return bool(drafts) and may_be_absent(drafts[-1])


def _no_case_fits(draft: Draft) -> bool:
    return not any("else" in fields for fields, _ in draft.cases)
