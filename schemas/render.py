"""Writes `schemas/avro/NAME.avsc`: the records as other languages and reviewers read them."""

import json
from pathlib import Path

import schemas.codec as _codec
from schemas.record import RECORDS, avro_schema

FOLDER = Path(_codec.__file__).parent / "avro"


def rendered() -> dict[str, str]:
    """Each file's name and text."""
    return {f"{name}.avsc": json.dumps(avro_schema(cls), indent=2) + "\n" for name, cls in RECORDS.items()}


def main() -> None:
    """Write what changed, remove what is no longer a record."""
    FOLDER.mkdir(exist_ok=True)
    wanted = rendered()
    for old in FOLDER.glob("*.avsc"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
