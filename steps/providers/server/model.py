"""What the models of the server say: the rule that fits, else the plainest answer there is."""

from dataclasses import dataclass

import orjson

from steps.providers.server.exchange import Asked, Said
from steps.providers.server.prompt_cache import PromptCache
from steps.providers.server.sample import sample
from steps.providers.server.script import Rule

#: A rule of thumb, good enough for what nobody bills.
CHARACTERS_A_TOKEN = 4
_THOUGHT = "Let me think about this."


@dataclass(slots=True)
class Turn:
    """The answer, and the rule that gave it, if one did."""

    said: Said
    rule: Rule | None


class Model:
    """Deterministic: the same prompts in the same order get the same answers."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = rules
        self._cache = PromptCache()
        self._answers = 0

    def answer(self, asked: Asked) -> Turn:
        self._answers += 1
        rule = next((rule.use() for rule in self._rules if rule.fits(asked.model, asked.text)), None)
        said = Said(self._answers)
        if rule is None:
            _plainly(asked, said)
        else:
            said.fault, said.thinking = rule.error, rule.thinking
            said.text, said.calls = rule.answer(asked.text) or ("..." if rule.error else ""), rule.calls
            said.stop = rule.stop or ("tool_use" if rule.calls else "end_turn")
        if asked.forced and said.text and not said.calls:
            _as_call(asked, said)
        self._count(asked, said, rule)
        return Turn(said, rule)

    def tokens_of(self, asked: Asked) -> int:
        return tokens("".join(asked.prefix))

    def _count(self, asked: Asked, said: Said, rule: Rule | None) -> None:
        if asked.thinks and not said.thinking:
            said.thinking = _THOUGHT
        said.thinking_tokens = tokens(said.thinking)
        said.input_tokens = self.tokens_of(asked)
        called = orjson.dumps(list(said.calls)).decode() if said.calls else ""
        said.output_tokens = tokens(said.text) + tokens(called) + said.thinking_tokens
        if asked.cache:
            read, written = self._cache.look(asked.model, asked.prefix, tokens, asked.cache)
            said.cache_read_tokens, said.cache_write_tokens = read, written if asked.cache != "implicit" else 0
        for name, given in (rule.usage if rule is not None else {}).items():
            setattr(said, name, given)


def _plainly(asked: Asked, said: Said) -> None:
    """A sample of what is wanted, or the first line back."""
    schema = asked.tools.get(asked.forced, asked.schema)
    if schema is not None:
        said.text = orjson.dumps(sample(schema)).decode()
    else:
        said.text = f"[{asked.model}] {asked.text.strip().partition(chr(10))[0]}"


def _as_call(asked: Asked, said: Said) -> None:
    """The answer of a script, as the arguments of the tool that has to be called."""
    try:
        arguments = orjson.loads(said.text)
    except orjson.JSONDecodeError:
        return
    said.text, said.stop = "", "tool_use"
    said.calls = ({"name": asked.forced, "arguments": arguments},)


def tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)
