"""Resolves `secrets.NAME` where a step runs, and puts the values into its arguments, in memory only."""

import os
import re
from pathlib import Path
from typing import Any

import orjson

from steps.failure import ErrorClass, StepFailed
from steps.redact import Redactor

ENVIRONMENT = "MILLRACE_SECRET_"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Secrets:
    """From the environment, else from a folder with one file a secret (as container platforms mount them)."""

    def __init__(self, folder: Path | None, redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor

    def resolve(self, name: str) -> str:
        variable = f"{ENVIRONMENT}{name.upper()}"
        value = os.environ.get(variable)
        if value is None:
            value = self._read(name)
        if value is None:
            where = f"set {variable}" + (f" or put a file {name} into {self._folder}" if self._folder else "")
            raise StepFailed(ErrorClass.AUTH, f"the secret {name!r} is not known to this worker: {where}")
        self._redactor.learn(name, value)
        return value

    def fill(self, arguments: bytes, secrets: bytes | None) -> bytes:
        """The arguments with the secrets at their places: JSON pointer → parts, strings and {"secret": NAME}."""
        if secrets is None:
            return arguments
        document = orjson.loads(arguments)
        for pointer, parts in orjson.loads(secrets).items():
            text = "".join(part if isinstance(part, str) else self.resolve(part["secret"]) for part in parts)
            document = _put(document, pointer, text)
        return orjson.dumps(document)

    def _read(self, name: str) -> str | None:
        if self._folder is None or not NAME.fullmatch(name):
            return None
        path = self._folder / name
        if not path.is_file():
            return None
        return path.read_text(encoding="utf-8").removesuffix("\n")


def _put(document: Any, pointer: str, text: str) -> Any:
    if pointer == "":
        return text
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    place = document
    for part in way:
        place = place[_key(place, part)]
    place[_key(place, last)] = text
    return document


def _key(place: Any, part: str) -> Any:
    return int(part) if isinstance(place, list) else part
