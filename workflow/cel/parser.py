"""Reads the text of a CEL expression into a tree."""

from workflow.cel.tokens import RESERVED, CelSyntaxError, Token, tokens
from workflow.cel.tree import Binary, Call, Choice, Index, ListOf, Literal, MapOf, Name, Select, Tree, Unary

MAX_SOURCE = 16 * 1024
MAX_DEPTH = 32

_LEVELS = (("||",), ("&&",), ("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_STRENGTHS = {operator: strength for strength, operators in enumerate(_LEVELS, 1) for operator in operators}
_LITERALS = frozenset({"string", "int", "float"})


def parse(source: str) -> Tree:
    """The tree of one expression; CelSyntaxError says what can't be understood and where."""
    if len(source) > MAX_SOURCE:
        raise CelSyntaxError(f"an expression may have {MAX_SOURCE // 1024} KiB, this one is longer", 0)
    return _Parser(tokens(source)).whole()


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.next = 0
        self.depth = 0

    @property
    def word(self) -> Token:
        return self.words[self.next]

    def is_symbol(self, *texts: str) -> bool:
        word = self.word
        return word.text in texts and word.kind in ("symbol", "name")

    def take(self) -> Token:
        word = self.word
        self.next += 1
        return word

    def accept(self, text: str) -> bool:
        if self.is_symbol(text):
            self.next += 1
            return True
        return False

    def expect(self, text: str, where: str) -> Token:
        if not self.is_symbol(text):
            raise self.unexpected(f"`{text}` is missing {where}")
        return self.take()

    def unexpected(self, message: str = "") -> CelSyntaxError:
        word = self.word
        found = "the expression ends too early" if word.kind == "end" else f"`{word.text}` does not fit here"
        return CelSyntaxError(f"{found}: {message}" if message else found, word.start)

    def whole(self) -> Tree:
        if self.word.kind == "end":
            raise CelSyntaxError("the expression is empty", 0)
        tree = self.expression()
        if self.word.kind != "end":
            raise self.unexpected()
        return tree

    def expression(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CelSyntaxError(f"nested deeper than {MAX_DEPTH}", self.word.start)
        condition = self.binary(1)
        tree = self.choice(condition) if self.accept("?") else condition
        self.depth -= 1
        return tree

    def choice(self, condition: Tree) -> Tree:
        then = self.binary(1)
        self.expect(":", "after the first value of `? :`")
        otherwise = self.expression()
        return Choice(condition, then, otherwise, condition.start, otherwise.end)

    def binary(self, least: int) -> Tree:
        """A chain of operators that bind at least this strongly, from left to right."""
        left = self.unary()
        while (strength := self.strength()) >= least:
            operator = self.take()
            right = self.binary(strength + 1)
            left = Binary(operator.text, left, right, left.start, right.end, operator.start)
        return left

    def strength(self) -> int:
        word = self.word
        return _STRENGTHS.get(word.text, 0) if word.kind in ("symbol", "name") else 0

    def unary(self) -> Tree:
        prefixes = []
        while self.is_symbol("!", "-"):
            prefixes.append(self.take())
        tree = self.member()
        for prefix in reversed(prefixes):
            tree = Unary(prefix.text, tree, prefix.start, tree.end)
        return tree

    def member(self) -> Tree:
        tree = self.primary()
        while self.is_symbol(".", ".?", "[", "[?"):
            opening = self.take()
            optional = opening.text.endswith("?")
            tree = self.select(tree, optional) if opening.text[0] == "." else self.index(tree, optional)
        return tree

    def select(self, operand: Tree, optional: bool) -> Tree:
        word = self.word
        if word.kind not in ("name", "quoted") or word.text in ("true", "false", "null", "in"):
            raise self.unexpected('a field name has to follow the dot, or write ["…"]')
        self.take()
        if not optional and word.kind == "name" and self.accept("("):
            arguments, end = self.arguments()
            return Call(operand, word.text, arguments, operand.start, end, word.start)
        return Select(operand, word.text.strip("`"), optional, operand.start, word.end, word.start)

    def index(self, operand: Tree, optional: bool) -> Tree:
        index = self.expression()
        end = self.expect("]", "after the index").end
        return Index(operand, index, optional, operand.start, end)

    def arguments(self) -> tuple[tuple[Tree, ...], int]:
        found: list[Tree] = []
        while not self.is_symbol(")"):
            found.append(self.expression())
            if not self.accept(","):
                break
        return tuple(found), self.expect(")", "after the arguments").end

    def primary(self) -> Tree:
        word = self.word
        if word.kind in _LITERALS or word.text in ("true", "false", "null"):
            self.take()
            return Literal(word.text if word.kind == "name" else word.kind, word.text, word.start, word.end)
        if word.kind == "name" and word.text != "in":
            return self.name()
        if self.is_symbol("("):
            return self.group()
        if self.is_symbol("[", "[?"):
            return self.list_of()
        if self.is_symbol("{"):
            return self.map_of()
        raise self.unexpected("a value is expected")

    def name(self) -> Tree:
        word = self.take()
        if word.text in RESERVED:
            raise CelSyntaxError(f"`{word.text}` is a reserved word", word.start)
        if self.accept("("):
            arguments, end = self.arguments()
            return Call(None, word.text, arguments, word.start, end, word.start)
        if self.is_symbol("{"):
            raise CelSyntaxError("objects of a named kind can't be made here", self.word.start)
        return Name(word.text, word.start, word.end)

    def group(self) -> Tree:
        self.take()
        tree = self.expression()
        self.expect(")", "to close the group")
        return tree

    def list_of(self) -> Tree:
        start = self.take().start
        items: list[Tree] = []
        while not self.is_symbol("]"):
            self.accept("?")  # `[?x]` takes an optional value and leaves it out when it is none
            items.append(self.expression())
            if not self.accept(","):
                break
        return ListOf(tuple(items), start, self.expect("]", "to close the list").end)

    def map_of(self) -> Tree:
        start = self.take().start
        entries: list[tuple[Tree, Tree]] = []
        while not self.is_symbol("}"):
            self.accept("?")
            key = self.expression()
            self.expect(":", "between key and value")
            entries.append((key, self.expression()))
            if not self.accept(","):
                break
        return MapOf(tuple(entries), start, self.expect("}", "to close the mapping").end)
