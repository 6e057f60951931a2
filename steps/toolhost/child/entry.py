"""What the user's interpreter is started on: makes `millrace` importable, and nothing else of ours by its name."""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import os
import sys


def load(name: str, path: str, folder: str | None = None) -> None:
    """Import one module, or one package, from where it lies, without making its neighbours importable."""
    places = None if folder is None else [folder]
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


if __name__ == "__main__":
    settings = json.loads(sys.argv.pop(1))
    faulthandler.enable()
    here = os.path.dirname(os.path.abspath(__file__))
    load("millrace", settings["face"])
    load("_millrace_host", os.path.join(here, "__init__.py"), here)
    importlib.import_module("_millrace_host.host").serve(settings)
