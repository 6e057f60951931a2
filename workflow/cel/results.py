"""The types that CEL's operators, functions and macros give."""

from collections.abc import Sequence

from workflow.cel.paths import plain_text
from workflow.cel.tree import Call, Literal, Name, Tree
from workflow.functions import FUNCTIONS
from workflow.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    Type,
    list_of,
    optional_of,
)

COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "in"})
NAMESPACES = frozenset({"math", "strings", "optional"})
LITERALS = {
    "string": STRING,
    "int": INT,
    "float": DOUBLE,
    "true": BOOL,
    "false": BOOL,
    "null": NULL,
}

_TEXTS = "charAt format join lowerAscii upperAscii replace substring trim quote reverse string".split()
_TRUTHS = "contains startsWith endsWith matches hasValue bool isNaN isInf isFinite all exists exists_one".split()
_WHOLES = (
    "size indexOf lastIndexOf int getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear "
    "getHours getMinutes getSeconds getMilliseconds"
).split()
_DOUBLES = ("double", "sqrt", "ceil", "floor", "round", "trunc")

_GIVES = {
    **dict.fromkeys(_TEXTS, STRING),
    **dict.fromkeys(_TRUTHS, BOOL),
    **dict.fromkeys(_WHOLES, INT),
    **dict.fromkeys(_DOUBLES, DOUBLE),
    "split": list_of(STRING),
    "timestamp": TIMESTAMP,
    "duration": DURATION,
    "bytes": BYTES,
    "type": TYPE,
    "none": optional_of(DYN),
}


def of_literal(tree: Literal) -> Type:
    return DYN if tree.kind == "int" and tree.text[-1] in "uU" else LITERALS[tree.kind]


def is_namespace(tree: Call) -> bool:
    """Whether `math.abs(x)` is meant, where `math` is no value."""
    return isinstance(tree.target, Name) and tree.target.name in NAMESPACES


def plain_key(tree: Tree) -> str | None:
    return plain_text(tree)


def of_call(name: str, receiver: Type | None, arguments: Sequence[Type]) -> Type:
    """What a function gives; `dyn` where that depends on more than is known."""
    if receiver is None and name in FUNCTIONS and arguments:
        return FUNCTIONS[name].gives(arguments)
    if receiver is not None and receiver.kind == "optional" and name in ("orValue", "value"):
        return receiver.element or DYN
    if receiver is not None and receiver.kind == "optional" and name == "or":
        return receiver
    if name in ("of", "ofNonZeroValue") and arguments:
        return optional_of(arguments[0])
    if name in ("first", "last") and receiver is not None and receiver.kind == "list":
        return optional_of(receiver.element or DYN)
    return _GIVES.get(name, DYN)


def of_macro(name: str, over: Type, body: Type) -> Type:
    if name in ("all", "exists", "exists_one"):
        return BOOL
    if name == "map":
        return list_of(body)
    if name == "filter":
        return over if over.kind == "list" else list_of(DYN)
    inner = body.element if name == "optFlatMap" and body.kind == "optional" else body
    return optional_of(inner or DYN)


def of_arithmetic(operator: str, left: Type, right: Type) -> Type:
    """Numbers give numbers; instants and durations follow the calendar."""
    if "double" in (left.kind, right.kind):
        return DOUBLE
    if left.kind == "timestamp" and right.kind == "timestamp":
        return DURATION
    if "timestamp" in (left.kind, right.kind):
        return TIMESTAMP
    if left.kind == "list" and right.kind == "list" and left != right:
        return list_of(DYN)
    return left if left == right else DYN
