"""The variables for `${…}`: from params.yaml, and from files and mappings under `vars`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from dver.pipelines.definition.interpolate import has_expression
from dver.pipelines.definition.param_files import parse_values
from dver.pipelines.definition.stage import PARAMS_FILE
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at

ReadFile = Callable[[str], bytes | None]
"""Returns the content of a file by its path relative to the directory of `dver.yaml`; None if it is missing."""


def file_variables(listed: Node | None, read: ReadFile) -> dict[str, Any]:
    """The variables of all stages of a file: those of params.yaml, if it exists, and of its `vars`."""
    found: dict[str, Any] = {}
    seen: set[str] = set()
    _add_all(found, seen, listed, ".", read)
    if PARAMS_FILE not in seen and (content := read(PARAMS_FILE)) is not None:
        mark = listed.mark if listed is not None else Mark(PARAMS_FILE, 1, 1)
        return merge_variables(parse_values(content, PARAMS_FILE), found, mark)
    return found


def stage_variables(known: Mapping[str, Any], listed: Node | None, wdir: str, read: ReadFile) -> Mapping[str, Any]:
    """The variables of one stage: those of the file, and of its own `vars`."""
    if listed is None:
        return known
    found: dict[str, Any] = {}
    _add_all(found, set(), listed, wdir, read)
    return merge_variables(known, found, listed.mark)


def merge_variables(into: Mapping[str, Any], more: Mapping[str, Any], mark: Mark, above: str = "") -> dict[str, Any]:
    """Merge two sets of variables. Raises PipelineError if a name has two values."""
    found = dict(into)
    for key, value in more.items():
        if key not in found:
            found[key] = value
        elif isinstance(value, Mapping) and isinstance(found[key], Mapping):
            found[key] = merge_variables(found[key], value, mark, f"{above}{key}.")
        elif found[key] is not value and found[key] != value:  # NaN differs from itself
            raise error_at(
                mark,
                f"variable {above + key!r} is defined twice: as {found[key]!r} and as {value!r}",
                fix="rename one of them",
            )
    return found


def _add_all(found: dict[str, Any], seen: set[str], listed: Node | None, wdir: str, read: ReadFile) -> None:
    if listed is None or listed.value is None:
        return
    if not isinstance(listed.value, tuple):
        raise error_at(listed.mark, f"expected a list of files and mappings, not {listed.kind}")
    for one in listed.value:
        if has_expression(one.value) or (isinstance(one.value, Mapping) and _contains_expression(one)):
            raise error_at(one.mark, "`vars` cannot contain ${…}", fix="write the value itself")
        if isinstance(one.value, Mapping):
            values = one.plain()
        elif isinstance(one.value, str):
            values = _load(one.value, one.mark, wdir, read, seen)
        else:
            raise error_at(one.mark, f"expected a file or a mapping, not {one.kind}")
        found.update(merge_variables(found, values, one.mark))


def _load(text: str, mark: Mark, wdir: str, read: ReadFile, seen: set[str]) -> dict[str, Any]:
    """The values of a file, or of some of its keys: `file.yaml:a,b`."""
    name, _, keys = text.partition(":")
    path = posixpath.normpath(posixpath.join(wdir, name))
    content = read(path)
    if content is None:
        raise error_at(mark, f"file {path!r} not found")
    seen.add(path)
    values = parse_values(content, path)
    wanted = [key.strip() for key in keys.split(",") if key.strip()]
    for key in wanted:
        if key not in values:
            raise error_at(mark, f"key {key!r} not found in {path!r}")
    return {key: values[key] for key in wanted} if wanted else values


def _contains_expression(node: Node) -> bool:
    if isinstance(node.value, Mapping):
        return any(has_expression(key) or _contains_expression(one) for key, one in node.value.items())
    if isinstance(node.value, tuple):
        return any(_contains_expression(one) for one in node.value)
    return has_expression(node.value)
