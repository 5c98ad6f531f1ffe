"""Where the packages lie that answers are compared with, found without importing them into the trusted process."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass

#: Import names; the last two are inside WASI already.
PURE = ("math_verify", "latex2sympy2_extended", "antlr4")
LARGE = ("sympy", "mpmath")
#: latex2sympy2_extended asks for the installed version of its parser's runtime.
_METADATA = "antlr4-python3-runtime"
FIX = "pip install math-verify==0.9.0 into the grader's Python"


class PackagesMissing(Exception):
    """What math grading needs is not installed; the message names it."""


@dataclass(frozen=True)
class Folder:
    """A folder that a guest must see, and the name that it must have there."""

    path: str
    name: str


def folders(names: tuple[str, ...] = PURE + LARGE) -> list[Folder]:
    """The folders of these packages and of the metadata that they read. Raises PackagesMissing."""
    found: list[Folder] = []
    for name in names:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        if not places:
            raise PackagesMissing(f"the Python package {name} is not installed ({FIX})")
        found.append(Folder(os.path.realpath(places[0]), name))
    try:
        metadata = str(importlib.metadata.distribution(_METADATA)._path)  # type: ignore[attr-defined]
    except (importlib.metadata.PackageNotFoundError, AttributeError):
        raise PackagesMissing(f"the Python package {_METADATA} is not installed ({FIX})") from None
    found.append(Folder(os.path.realpath(metadata), os.path.basename(metadata)))
    return found


def parents() -> list[str]:
    """The folders to put on a path so that all of them can be imported."""
    return sorted({os.path.dirname(folder.path) for folder in folders()})
