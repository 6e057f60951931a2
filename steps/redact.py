"""Keeps secrets that were resolved here out of outputs, errors and log lines."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

SHORTEST = 4  # shorter values occur by chance in any text


class Redactor:
    """Knows the values of the secrets that were resolved in this worker, in every form in which they tend to return."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        self._forms: list[tuple[str, str]] = []
        self._needles: list[bytes] = []

    def learn(self, name: str, value: str) -> None:
        if len(value) < SHORTEST or value in self._marks:
            return
        self._marks[value] = f"[secret {name}]"
        forms = {form: mark for secret, mark in self._marks.items() for form in _forms(secret)}
        self._forms = sorted(forms.items(), key=lambda pair: -len(pair[0]))  # the longest first: one may hold another
        self._needles = [_in_json(form) for form in forms]

    def text(self, text: str) -> str:
        for form, mark in self._forms:
            if form in text:
                text = text.replace(form, mark)
        return text

    def json(self, document: bytes) -> bytes:
        """The document with secrets replaced; unchanged, byte for byte, where there are none."""
        if not self._needles:
            return document
        value = orjson.loads(document)
        spelled = orjson.dumps(value)  # one spelling, so that a search for bytes finds every string
        if not any(needle in spelled for needle in self._needles):
            return document
        return orjson.dumps(self._value(value))

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._value(item) for item in value]
            case dict():
                return {self.text(key): self._value(item) for key, item in value.items()}
            case bool() | None:
                return value
        spelled = str(value)  # a number may be a secret, too
        redacted = self.text(spelled)
        return value if redacted == spelled else redacted


def _forms(secret: str) -> set[str]:
    plain = secret.encode()
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    forms |= {json.dumps(secret)[1:-1], orjson.dumps(secret)[1:-1].decode()}
    for encoded in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {_inner(encoded(b"\0" * shift + plain).decode(), shift, len(plain)) for shift in range(3)}
    return {form for form in forms if len(form) >= SHORTEST}


def _inner(encoded: str, shift: int, length: int) -> str:
    """The characters that depend on the secret alone when `shift` bytes (mod 3) stand before it."""
    first = -(-shift * 8 // 6)
    last = (shift + length) * 8 // 6
    return encoded[first:last]


def _in_json(form: str) -> bytes:
    return orjson.dumps(form)[1:-1]
