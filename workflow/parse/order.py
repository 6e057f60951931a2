"""Who waits for whom in one list of steps, and what each step may therefore read."""

from workflow.cel.paths import suggestion
from workflow.errors import Problems
from workflow.parse.drafts import Draft


def resolve_needs(drafts: list[Draft], problems: Problems) -> None:
    """A step waits for the one written before it, unless it says otherwise."""
    known = {draft.id for draft in drafts}
    previous: tuple[str, ...] = ()
    for draft in drafts:
        written = draft.fields.value("needs")
        draft.needs = previous if written is None else _needs(draft, written, known, problems)
        previous = (draft.id,)


def _needs(draft: Draft, written: list[str], known: set[str], problems: Problems) -> tuple[str, ...]:
    place = draft.fields.key_place("needs")
    for name in written:
        if name == draft.id:
            problems.add("needs", f"`{name}` can't wait for itself", "remove it from `needs`", place)
        elif name not in known:
            remedy = suggestion(name, known - {draft.id})
            problems.add("needs", f"there is no step `{name}` in this list", remedy, place)
    return tuple(dict.fromkeys(name for name in written if name in known and name != draft.id))


def in_order(drafts: list[Draft], problems: Problems) -> list[Draft]:
    """The steps, each after those it waits for; a circle is reported and cut."""
    by_id = {draft.id: draft for draft in drafts}
    done: dict[str, Draft] = {}
    for draft in drafts:
        _visit(draft, by_id, done, problems)
    return list(done.values())


def _visit(first: Draft, by_id: dict[str, Draft], done: dict[str, Draft], problems: Problems) -> None:
    """Depth first with a stack of its own: a chain of steps may be thousands long."""
    trail = [(first, iter(first.needs))]
    on_trail = {first.id}
    while trail:
        draft, needs = trail[-1]
        following = next((name for name in needs if name not in done), None)
        if following is None:
            trail.pop()
            on_trail.discard(draft.id)
            done.setdefault(draft.id, draft)
        elif following in on_trail:
            _circle(draft, following, problems)
        else:
            trail.append((by_id[following], iter(by_id[following].needs)))
            on_trail.add(following)


def _circle(draft: Draft, following: str, problems: Problems) -> None:
    message = f"`{draft.id}` and `{following}` wait for each other"
    problems.add("needs", message, "remove one of the two from `needs`", draft.fields.key_place("needs"))
    draft.needs = tuple(name for name in draft.needs if name != following)


def ancestors(ordered: list[Draft]) -> dict[str, int]:
    """By step, a bit for every step (by its place in `ordered`) that has ended before it starts."""
    bit = {draft.id: 1 << number for number, draft in enumerate(ordered)}
    found: dict[str, int] = {}
    for draft in ordered:
        mask = 0
        for name in draft.needs:
            mask |= bit[name] | found.get(name, 0)
        found[draft.id] = mask
    return found
