"""A run on a time line: each step with its place in time, its attempts, tokens, dollars and error."""

from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from console.render_values import dollars, duration, instant, tokens
from console.story import RunStory, StepLine

BAR = 28
#: Characters of outputs that are shown; `--json` has all of them.
OUTPUTS = 2_000

COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "refused": "red",
    "quarantined": "red",
    "cancelled": "yellow",
    "retrying": "yellow",
    "skipped": "bright_black",
    "waiting": "cyan",
    "queued": "cyan",
    "unsure": "magenta",
    "running": "cyan",
    "accepted": "cyan",
}
_SIGNS = {
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "■",
    "skipped": "–",
    "retrying": "↻",
    "waiting": "…",
    "queued": "…",
    "unsure": "?",
}


def timeline(story: RunStory, now: int, limit: int | None = None) -> Group:
    """The whole picture; `now` is where running steps end for the time being, `limit` how many steps have room."""
    parts: list[Any] = [_header(story, now)]
    if story.steps:
        parts += [Text(), _steps(story, now, limit)]
    if (total := _totals(story)) is not None:
        parts += [Text(), total]
    parts += [Text(note, style="yellow") for note in story.notes]
    parts += _ending(story)
    return Group(*parts)


def _header(story: RunStory, now: int) -> Text:
    version = f"@{story.version}" if story.version else ""
    header = Text.assemble((story.run_id, "bold"), f"  {story.workflow}{version}  ")
    header.append(story.status or "not begun", style=COLOURS.get(story.status, ""))
    if story.started is not None:
        header.append(f"  began {instant(story.started)}, took {duration((story.ended or now) - story.started)}")
    for key, value in story.labels.items():
        header.append(f"  {key}={value}", style="bright_black")
    return header


def _steps(story: RunStory, now: int, limit: int | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in ("step", "kind"):
        table.add_column(column, overflow="fold")
    table.add_column("starts", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, width=BAR)
    for column in ("takes", "tries", "tokens", "dollars"):
        table.add_column(column, justify="right", no_wrap=True)
    begin = story.started or min((step.started or now for step in story.steps.values()), default=now)
    end = max([story.ended or now, begin + 1, *(step.ended or 0 for step in story.steps.values())])
    rows = _as_tree(story)
    shown = _foremost(rows, limit)
    for step, around in shown:
        table.add_row(*_row(step, around, begin, end, now))
        if step.error and step.status != "succeeded":
            table.add_row(Text(f"    {step.error}", style=COLOURS.get(step.status, "")))
    if len(shown) < len(rows):
        table.add_row(Text(f"… and {len(rows) - len(shown):,} more", style="bright_black"))
    return table


def _as_tree(story: RunStory) -> list[tuple[StepLine, list[str]]]:
    """Each step after the one around it, with all that are around it, the outermost first; else as they began."""
    placed = {path: number for number, path in enumerate(story.steps)}
    around = {path: [outer for outer in _outer(path) if outer in placed] for path in placed}
    paths = sorted(placed, key=lambda path: [placed[step] for step in (*around[path], path)])
    return [(story.steps[path], around[path]) for path in paths]


def _outer(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _foremost(rows: list[tuple[StepLine, list[str]]], limit: int | None) -> list[tuple[StepLine, list[str]]]:
    """At most so many rows: those of steps under way, then the latest."""
    if limit is None or len(rows) <= limit:
        return rows
    ranked = sorted(range(len(rows)), key=lambda n: (rows[n][0].ended is not None, -(rows[n][0].started or 0)))
    return [rows[n] for n in sorted(ranked[:limit])]


def _row(step: StepLine, around: list[str], begin: int, end: int, now: int) -> list[Any]:
    colour = COLOURS.get(step.status, "")
    started = step.started or begin
    ended = step.ended or max(now, started)
    name = Text("  " * len(around) + _SIGNS.get(step.status, "·") + " ", style=colour)
    name.append(step.path.removeprefix(f"{around[-1]}/" if around else ""), style="default")
    kind = f"{step.kind} {step.target}" if step.target and step.kind != "http" else step.kind
    decided = step.status == "skipped"
    return [
        name,
        escape(kind),
        "" if decided else f"+{duration(max(0, started - begin))}",
        Text(bar(started - begin, ended - begin, end - begin), style=colour),
        "" if decided else duration(max(0, ended - started)),
        str(step.attempts) if step.attempts > 1 else "",
        tokens(step.input_tokens, step.output_tokens),
        _cost(step.cost, step.unpriced, step.calls),
    ]


def bar(start: int, end: int, whole: int, width: int = BAR) -> str:
    """A stretch of a line of `width` cells; what took any time at all shows."""
    first = min(width - 1, max(0, start) * width // whole)
    last = max(first + 1, min(width, -(-max(0, end) * width // whole)))
    thin = last - first == 1 and (end - start) * width < whole // 2
    return " " * first + ("▏" if thin else "█" * (last - first))


def money(usd: Decimal | None, unpriced: int, calls: int) -> str:
    """Dollars of the database, where None means that no call has a known price."""
    return _cost(int((usd or Decimal(0)) * 1_000_000_000), calls if usd is None else unpriced, calls)


def _cost(cost: int, unpriced: int, calls: int) -> str:
    if not calls:
        return ""
    if unpriced == calls:
        return "no price"
    return dollars(cost) + (" + ?" if unpriced else "")


def _totals(story: RunStory) -> Text | None:
    steps = story.steps.values()
    calls = sum(step.calls for step in steps)
    if not calls:
        return None
    read, written = sum(step.input_tokens for step in steps), sum(step.output_tokens for step in steps)
    cost = _cost(sum(step.cost for step in steps), sum(step.unpriced for step in steps), calls)
    return Text(f"{calls} model call{'s' if calls > 1 else ''}, {tokens(read, written)} tokens, {cost}")


def _ending(story: RunStory) -> list[Any]:
    if story.outputs is not None:
        text = story.outputs.decode(errors="replace")
        shown = text if len(text) <= OUTPUTS else f"{text[:OUTPUTS]} … {len(text):,} characters, --json shows all"
        return [Text(), Text(f"outputs  {shown}")]
    if story.error or story.error_class:
        where = f" at {story.error_path}" if story.error_path else ""
        kind = f"{story.error_class}: " if story.error_class else ""
        return [Text(), Text(f"{story.status}{where}  {kind}{story.error}", style=COLOURS.get(story.status, ""))]
    return []
