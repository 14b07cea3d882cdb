"""Converts YAML nodes to typed values. Errors point at the position in the file."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from dver.core.errors import PipelineError
from dver.pipelines.definition.yaml_tree import Mark, Node, Scalar, error_at

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]i?)?B?")
_PREFIXES: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY: Final = {"KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_LARGEST: Final = 10**18
"""The largest number: far more than any resource, and every such number can become a float."""

_NONE: Final[Mapping[str, str]] = {}


def mapping(
    node: Node, what: str, known: Collection[str] = (), *, removed: Mapping[str, str] = _NONE
) -> Mapping[str, Node]:
    """The values of a mapping. Its keys must be `known`, if any are; `removed` maps old keys to their replacements."""
    if not isinstance(node.value, Mapping):
        raise error_at(node.mark, f"{what}: expected a mapping, not {node.kind}")
    unknown = next((key for key in node.value if known and key not in known), None)
    if unknown is not None:
        mark = node.keys.get(unknown, node.mark)
        if unknown in removed:
            raise error_at(mark, f"{what}: {unknown!r} is no longer supported", fix=removed[unknown])
        near = get_close_matches(unknown, known, 1)
        fix = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        raise error_at(mark, f"{what}: unknown key {unknown!r}", fix=fix)
    return node.value


def list_items(node: Node | None, what: str) -> tuple[Node, ...]:
    """The elements of a list; none if it is missing or empty."""
    if node is None or node.value is None:
        return ()
    if not isinstance(node.value, tuple):
        raise error_at(node.mark, f"{what}: expected a list, not {node.kind}")
    return node.value


def one_or_more(node: Node | None, what: str) -> tuple[Node, ...]:
    """The items of a list, or the one item that stands for a list."""
    if node is None or node.value is None or isinstance(node.value, tuple):
        return list_items(node, what)
    return (node,)


def text(node: Node, what: str) -> str:
    """A non-empty text."""
    if not isinstance(node.value, str):
        fix = f'put it in quotes: "{node.value}"' if _is_scalar(node) else None
        raise error_at(node.mark, f"{what}: expected text, not {node.kind}", fix=fix)
    if not node.value.strip() or "\0" in node.value:
        raise error_at(node.mark, f"{what}: expected text, not an empty string")
    return node.value


def scalar_text(node: Node, what: str) -> str:
    """A text, or a number or boolean as text."""
    if not _is_scalar(node):
        raise error_at(node.mark, f"{what}: expected text, not {node.kind}")
    return ("true" if node.value else "false") if isinstance(node.value, bool) else str(node.value)


def optional_text(fields: Mapping[str, Node], key: str) -> str | None:
    """The text at `key`, or None."""
    node = fields.get(key)
    return None if node is None or node.value is None else scalar_text(node, f"`{key}`")


def flag(fields: Mapping[str, Node], key: str, default: bool) -> bool:
    """The boolean at `key`."""
    node = fields.get(key)
    if node is None:
        return default
    if not isinstance(node.value, bool):
        raise error_at(node.mark, f"`{key}`: expected true or false, not {node.kind}")
    return node.value


def number(node: Node, what: str) -> float:
    """A finite number of at least 0."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise error_at(node.mark, f"{what}: expected a number of at least 0, not {_shown(node)}")
    _refuse_large(value, node, what)
    return value


def whole_number(node: Node, what: str) -> int:
    """An integer of at least 0."""
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 0:
        raise error_at(node.mark, f"{what}: expected an integer of at least 0, not {_shown(node)}")
    _refuse_large(node.value, node, what)
    return node.value


def size(node: Node, what: str) -> int:
    """A number of bytes, or text such as `8GB` and `512MiB`."""
    if isinstance(node.value, int):
        return whole_number(node, what)
    match = _SIZE.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    if match is None:
        raise error_at(node.mark, f"{what}: expected a size such as 8GB, not {_shown(node)}")
    prefix = (match[2] or "").upper()
    found = float(match[1]) * (_PREFIXES | _BINARY)[prefix]
    _refuse_large(found, node, what)
    return int(found)


def duration(node: Node, what: str) -> float:
    """A number of seconds, or text such as `90s`, `30m` and `1h30m`; more than 0."""
    if isinstance(node.value, str):
        match = _DURATION.fullmatch(node.value.strip())
        parts = [float(part or 0) for part in match.groups()] if match else [0.0]
        seconds = sum(part * unit for part, unit in zip(parts, (86400, 3600, 60, 1), strict=False))
    else:
        seconds = number(node, what)
    if not seconds:
        raise error_at(node.mark, f"{what}: expected a duration such as 90s, 30m or 1h30m, not {_shown(node)}")
    _refuse_large(seconds, node, what)
    return seconds


def is_external(path: str) -> bool:
    """Is a dependency outside of the project: a URL, or an absolute path?"""
    return "://" in path or (posixpath.isabs(path) and "\0" not in path)


@dataclass(slots=True)
class StagePaths:
    """Resolves the paths of a stage, which are relative to `wdir`, against the directory of the file.

    URLs and absolute paths are omitted: the stage is `refused`, and all other stages can be used. `deps` may have them.
    """

    wdir: str = "."
    refused: PipelineError | None = None

    def read(self, value: str, mark: Mark, what: str) -> str | None:
        """The resolved path, or None."""
        if "://" in value:
            why = f"{value!r} is a URL; only `deps` can be outside of the project"
            fix = "write a file of the project; a command may upload it, and `deps` may name the URL"
        elif posixpath.isabs(value) or "\0" in value:
            why = f"{value!r} is not a relative path; only `deps` can be outside of the project"
            fix = "write it relative to the directory of dver.yaml"
        else:
            return posixpath.normpath(posixpath.join(self.wdir, value))
        self.refused = self.refused or error_at(mark, f"{what}: {why}", fix=fix)
        return None


def _refuse_large(value: float, node: Node, what: str) -> None:
    if value > _LARGEST:
        raise error_at(node.mark, f"{what}: expected at most {_LARGEST:,}, not {_shown(node)}")


def _is_scalar(node: Node) -> bool:
    return node.value is not None and not isinstance(node.value, (tuple, Mapping))


def _shown(node: Node) -> str:
    value: Scalar | tuple[Node, ...] | Mapping[str, Node] = node.value
    return repr(value) if _is_scalar(node) else node.kind
