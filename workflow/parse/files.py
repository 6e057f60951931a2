"""Texts that stand in files of their own: read once, at publish, and pinned with the version."""

import json
import re
from collections.abc import Callable

from workflow.errors import Place, Problems
from workflow.yaml import Mapping, Node, Scalar, plain

Read = Callable[[str], str]

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def quoted(text: str) -> str:
    """The text as one line of YAML, in double quotes."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


class Files:
    """Reads `{file: path}`; `texts` holds what was read, so that a version can be kept whole."""

    def __init__(self, read: Read | None, problems: Problems) -> None:
        self._read, self._problems = read, problems
        self.texts: dict[str, str] = {}
        self._named: list[tuple[tuple[int, int], str]] = []

    def text_of(self, node: Node) -> Node:
        """The node itself, or the text of the file it names as one that knows its place there."""
        if not isinstance(node, Mapping):
            return node
        path = str(plain(node.entries["file"]))
        text = self.text(path, node.place)
        self._named.append((node.span, text))
        return Scalar(text, text, Place(path, 1, 1), "", text)

    def pinned(self, source: str) -> str:
        """The source with the texts in place of the files' names; every line stays where it was."""
        for (start, end), text in sorted(set(self._named), reverse=True):
            source = source[:start] + quoted(text) + source[end:]
        return source

    def text(self, path: str, place: Place) -> str:
        if path not in self.texts:
            self.texts[path] = self._load(path, place)
            self._problems.add_file(path, self.texts[path])
        return self.texts[path]

    def _load(self, path: str, place: Place) -> str:
        if self._read is None:
            self._problems.add("file", f"`{path}` can't be read here", "write the text into the workflow", place)
            return ""
        try:
            text = self._read(path)
            text.encode()  # half a character could neither be shown nor published
            return text
        except (OSError, KeyError, ValueError) as error:
            self._problems.add("file", f"`{path}` can't be read: {error}", "paths begin at the workflow's file", place)
            return ""
