"""Secrets are found in all the forms in which they come back."""

import base64
import json
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.redact import Redactor

SECRET = 'pä"s?>~s/w+rd \\9'


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.learn("KEY", SECRET)
    return redactor


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_each_form_is_replaced_in_text_and_json(redactor: Redactor, form: str) -> None:
    assert redactor.text(f"<{form}").startswith("<[secret KEY]")
    [value] = orjson.loads(redactor.json(orjson.dumps([f"<{form}>"])))
    assert "[secret KEY]" in value
    assert form not in value


@given(before=st.binary(max_size=8), after=st.binary(max_size=8))
def test_base64_of_something_around_the_secret_shows_nothing_of_it(before: bytes, after: bytes) -> None:
    redactor = Redactor()
    redactor.learn("KEY", SECRET)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert "[secret KEY]" in redactor.text(encode(before + SECRET.encode() + after).decode())


def test_json_stays_json_wherever_the_secret_stands() -> None:
    redactor = Redactor()
    redactor.learn("PIN", "1234")
    document = {"1234": "x", "n": 91234, "f": 1234.5, "deep": [["a1234"], {"b": None, "t": True}], "other": 12}
    assert orjson.loads(redactor.json(json.dumps(document).encode())) == {
        "[secret PIN]": "x",
        "n": "9[secret PIN]",
        "f": "[secret PIN].5",
        "deep": [["a[secret PIN]"], {"b": None, "t": True}],
        "other": 12,
    }


def test_what_holds_no_secret_is_not_touched(redactor: Redactor) -> None:
    document = b'{"a":  1.0, "b": "\\u00e4"}'
    assert redactor.json(document) is document
    assert Redactor().json(b"not even JSON") == b"not even JSON"


def test_the_longer_secret_wins_where_one_holds_the_other() -> None:
    redactor = Redactor()
    redactor.learn("SHORT", "abcd")
    redactor.learn("LONG", "abcdefgh")
    assert redactor.text("abcdefgh abcd") == "[secret LONG] [secret SHORT]"


def test_values_too_short_to_be_told_from_chance_are_left() -> None:
    redactor = Redactor()
    redactor.learn("TINY", "abc")
    assert redactor.text("abc") == "abc"


@given(st.text(min_size=4, max_size=30))
def test_any_secret_is_gone_from_any_json_that_holds_it(secret: str) -> None:
    redactor = Redactor()
    redactor.learn("S", secret)
    document = json.dumps({"plain": f"<{secret}>", secret: [json.dumps(secret)]}).encode()
    value = orjson.loads(redactor.json(document))
    assert value["plain"].startswith("<[secret S]") or secret in "<[secret S]>"
