"""Why something did not come through a door."""

#: Characters of a message: what is told must fit in an event, whatever it quotes.
LONGEST = 1_000


class Unreadable(Exception):
    """It can't be read: the original goes to the dead letters. `reason` is a code, `message` tells a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message = reason, message[:LONGEST]


class Refusal(Exception):
    """It can be read, and cannot be meant: it is answered with CommandRefused."""

    def __init__(self, reason: str, message: str, *, command: str = "", command_id: str = "", run_id: str = "") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message = reason, message[:LONGEST]
        self.command, self.command_id, self.run_id = command, command_id, run_id
