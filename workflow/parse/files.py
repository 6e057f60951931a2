"""Texts that stand in files of their own: read once, at publish, and pinned with the version."""

from collections.abc import Callable

from workflow.errors import Place, Problems
from workflow.yaml import Mapping, Node, Scalar, plain

Read = Callable[[str], str]


class Files:
    """Reads `{file: path}`; `texts` holds what was read, so that a version can be kept whole."""

    def __init__(self, read: Read | None, problems: Problems) -> None:
        self._read, self._problems = read, problems
        self.texts: dict[str, str] = {}

    def text_of(self, node: Node) -> Node:
        """The node itself, or the text of the file it names as one that knows its place there."""
        if not isinstance(node, Mapping):
            return node
        path = str(plain(node.entries["file"]))
        text = self.text(path, node.place)
        return Scalar(text, text, Place(path, 1, 1), "", text)

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
            return self._read(path)
        except (OSError, KeyError, ValueError) as error:
            self._problems.add("file", f"`{path}` can't be read: {error}", "paths begin at the workflow's file", place)
            return ""
