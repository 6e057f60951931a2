"""What stands in `workflow.definitions`: published workflows, and the names that point to them."""

from schemas.record import Micros, record


@record
class WorkflowPublished:
    """An immutable version. The key is its hash; `source` is the YAML text, whole."""

    name: str
    version: int
    definition: str
    source: str
    file: str = ""
    time: Micros = 0
    by: str = ""


@record
class AliasMoved:
    """A name that points to a version; the key is NAME@ALIAS. Version numbers are aliases that never move."""

    name: str
    alias: str
    version: int
    definition: str
    time: Micros = 0
    by: str = ""
