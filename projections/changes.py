"""Changes to the tables, merged in memory by the database's own rules: a log may be cut into any batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

Key = tuple[Any, ...]
Row = tuple[Any, ...]

#: From so many rows on, writing a column that does not change is cheaper than finding out.
LARGE = 200


class Rule(Enum):
    """How two values of a column become one. None never replaces a value."""

    FIRST = "the earlier one stays"
    LAST = "the later one wins"
    SUM = "they are added"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a key: an event changes some columns of a row. With `once`, the first change of a key is its row."""

    name: str
    key: tuple[str, ...]
    rules: Mapping[str, Rule]
    once: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Key and columns."""
        return (*self.key, *self.rules)

    def merge(self, changed: Sequence[str]) -> str:
        """The statement that merges some columns of `staged_NAME` into the table. Its cost grows with their number."""
        found = " AND ".join(f"{self.name}.{column} = staged.{column}" for column in self.key)
        columns = (*self.key, *changed)
        insert = f"INSERT ({', '.join(columns)}) VALUES ({', '.join(f'staged.{column}' for column in columns)})"
        update = ", ".join(self._merged(column, self.rules[column]) for column in changed)
        matched = f"WHEN MATCHED THEN UPDATE SET {update} " if update and not self.once else ""
        target = f"MERGE INTO {self.name} USING staged_{self.name} AS staged ON {found}"
        return f"{target} {matched}WHEN NOT MATCHED THEN {insert}"

    def _merged(self, column: str, rule: Rule) -> str:
        old, new = f"{self.name}.{column}", f"staged.{column}"
        match rule:
            case Rule.SUM:
                return f"{column} = {old} + {new}"
            case Rule.FIRST:
                return f"{column} = coalesce({old}, {new})"
            case Rule.LAST:
                return f"{column} = coalesce({new}, {old})"


class Merged:
    """What one batch changes in one table with a key."""

    __slots__ = ("changed", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.changed: dict[Key, dict[str, Any]] = {}

    def merge(self, key: Key, **values: Any) -> None:
        """Change some columns of the row with this key."""
        row = self.changed.get(key)
        if row is None:
            self.changed[key] = values
            return
        if self.table.once:
            return
        rules = self.table.rules
        for column, value in values.items():
            if value is None:
                continue
            rule, old = rules[column], row.get(column)
            if old is None or rule is Rule.LAST:
                row[column] = value
            elif rule is Rule.SUM:
                row[column] = old + value

    def columns(self) -> list[str]:
        """The columns beside the key that change, in the order of the table; in a large batch that is any."""
        if len(self.changed) >= LARGE:
            return list(self.table.rules)
        changed = {column for row in self.changed.values() for column, value in row.items() if value is not None}
        return [column for column in self.table.rules if column in changed]

    def rows(self, columns: Sequence[str]) -> list[Row]:
        """One row a key: the key, and these columns."""
        rules = self.table.rules
        empty = [(column, 0 if rules[column] is Rule.SUM else None) for column in columns]
        return [(*key, *[row.get(column, absent) for column, absent in empty]) for key, row in self.changed.items()]
