"""What goes wrong at the command line: said once, in one block, with its remedy; and the exit codes."""

import sys

#: Exit codes, as `millrace --help` promises them.
OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


class Failure(Exception):
    """What went wrong, where, why, and what to do about it; `lines` are shown as they are."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        cause: str = "",
        remedy: str = "",
        lines: tuple[str, ...] = (),
        code: int = FAILED,
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.cause, self.remedy = what, where, cause, remedy
        self.lines, self.code = lines, code

    def __str__(self) -> str:
        parts = (("where", self.where), ("cause", self.cause), ("remedy", self.remedy))
        said = [f"  {name + ':':8}{_indented(text)}" for name, text in parts if text]
        return "\n".join([f"error: {self.what}", *self.lines, *said])


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + " " * 10)


def usage(what: str, remedy: str = "", cause: str = "") -> Failure:
    """A command that was written wrongly."""
    return Failure(what, cause=cause, remedy=remedy, code=USAGE)


def show(failure: Failure) -> None:
    """Print it where errors go."""
    print(failure, file=sys.stderr)
