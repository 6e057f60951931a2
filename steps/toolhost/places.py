"""Where tools are found: the setting `tools_path` sorted into folders and modules."""

from dataclasses import dataclass
from pathlib import Path

from steps.failure import ErrorClass, StepFailed


@dataclass(frozen=True, slots=True)
class Places:
    """`search` goes on the interpreter's path; modules in `folders`, and those named in `modules`, may be called."""

    search: list[str]
    folders: list[str]
    modules: list[str]

    @classmethod
    def of(cls, tools_path: tuple[str, ...]) -> "Places":
        places = cls([], [], [])
        for entry in tools_path:
            places._add(entry)
        return places

    def _add(self, entry: str) -> None:
        path = Path(entry).expanduser()
        if path.is_dir():
            self.search.append(str(path.resolve()))
            self.folders.append(str(path.resolve()))
        elif path.is_file() and path.suffix == ".py":
            self.search.append(str(path.resolve().parent))
            self.modules.append(path.stem)
        elif all(part.isidentifier() for part in entry.split(".")):
            self.modules.append(entry)
        else:
            raise StepFailed(
                ErrorClass.FATAL,
                f"tools_path names {entry!r}, which is neither a folder, nor a Python file, nor a module's name; "
                "correct the setting `tools_path`",
            )
