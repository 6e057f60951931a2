"""Any value of a type of Avro, records as our classes."""

from typing import Any

from hypothesis import strategies as st

from schemas.record import RECORDS

VALUES: dict[str, Any] = {
    "string": st.text(max_size=20),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=20),
    "null": st.none(),
}


def value_of(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Any value of an Avro type, records as our classes."""
    if isinstance(schema, list):
        return st.one_of([value_of(s, named) for s in schema])
    if isinstance(schema, str):
        return VALUES[schema] if schema in VALUES else value_of(named[schema], named)
    if schema["type"] == "record":
        name = schema["name"].removeprefix("millrace.")
        named[f"millrace.{name}"] = schema
        return st.builds(RECORDS[name], **{f["name"]: value_of(f["type"], named) for f in schema["fields"]})
    if schema["type"] == "array":
        return st.lists(value_of(schema["items"], named), max_size=2)
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=5), value_of(schema["values"], named), max_size=2)
    return value_of(schema["type"], named)
