"""The modules that Python sources import. Nothing is executed."""

from __future__ import annotations

import ast
import posixpath
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.display import Displayed

ReadSource = Callable[[str], bytes | None]
"""Reads a file by its path from the top of the Git worktree; None if there is none."""

_MOST_FILES: Final = 1000
_LARGEST: Final = 4 << 20
"""The size in bytes from which a file is not parsed."""


@dataclass(frozen=True, slots=True, repr=False)
class SourceImports(Displayed):
    """What sources import."""

    modules: frozenset[str] = frozenset()
    """Top-level modules that are neither the repository's own nor of Python's standard library."""
    own: tuple[tuple[str, str], ...] = ()
    """The repository's own modules: the directory that Python finds them in, and the path below it."""
    unreadable: tuple[str, ...] = ()
    """Sources that are not valid Python."""


def source_imports(sources: Sequence[str], read: ReadSource, roots: Sequence[str] = ("",)) -> SourceImports:
    """What `sources` import, and their repository's own modules in turn.

    Own modules are looked for beside each source, and in `roots`. Paths are relative to the top of the Git worktree.
    """
    modules: set[str] = set()
    own: dict[tuple[str, str], None] = {}
    unreadable: list[str] = []
    finder = _OwnModules(read)
    waiting = [(*finder.place_of(source), (posixpath.dirname(source), *roots)) for source in sources]
    seen: set[str] = set()
    while waiting and len(seen) < _MOST_FILES:
        root, file, where = waiting.pop(0)
        path = posixpath.join(root, file)
        if path in seen or (content := read(path)) is None:
            continue
        seen.add(path)
        imported = _imports_of(content, file)
        if imported is None:
            unreadable.append(path)
            continue
        for name, is_absolute in imported:
            found = finder.find(name, where if is_absolute else (root,))
            own.update(dict.fromkeys(found))
            waiting += [(*one, where) for one in found]
            top = name.partition(".")[0]
            if is_absolute and not found and top not in sys.stdlib_module_names:
                modules.add(top)
    return SourceImports(frozenset(modules), tuple(own), tuple(unreadable))


def _imports_of(content: bytes, path: str) -> list[tuple[str, bool]] | None:
    """The dotted names that a source imports, and whether they are absolute. Relative ones start at its root."""
    if len(content) > _LARGEST:
        return None
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[tuple[str, bool], None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys((alias.name, True) for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            base, is_absolute = node.module or "", node.level == 0
            if not is_absolute:
                folder = path
                for _ in range(node.level):
                    folder = posixpath.dirname(folder)
                base = ".".join(filter(None, [*folder.split("/"), base]))
            # `from a import b` imports the module a.b, if there is one
            names = [base, *(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")]
            found.update(dict.fromkeys((name, is_absolute) for name in names if name))
    return list(found)


class _OwnModules:
    """The repository's own modules by dotted name."""

    def __init__(self, read: ReadSource) -> None:
        self._read = read

    def place_of(self, path: str) -> tuple[str, str]:
        """The directory above the packages that a source is in, and its path below it."""
        root = posixpath.dirname(path)
        while root and self._read(posixpath.join(root, "__init__.py")) is not None:
            root = posixpath.dirname(root)
        return root, posixpath.relpath(path, root or ".")

    def find(self, name: str, roots: Sequence[str]) -> list[tuple[str, str]]:
        """The files that importing `name` runs, with their root: the packages above it, and itself."""
        for root in dict.fromkeys(roots):
            found = [(root, file) for file in self._files(name.split("."), root)]
            if found:
                return found
        return []

    def _files(self, parts: list[str], root: str) -> Iterator[str]:
        for end in range(1, len(parts) + 1):
            stem = "/".join(parts[:end])
            for file in (f"{stem}/__init__.py", f"{stem}.py"):
                if self._read(posixpath.join(root, file)) is not None:
                    yield file
                    break
