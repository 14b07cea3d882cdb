"""Reads parameter and metrics files: YAML, TOML, JSON and Python, as a mapping of JSON values."""

from __future__ import annotations

import ast
import json
import math
import posixpath
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, Final

from dver.core.errors import PipelineError
from dver.pipelines.definition import yaml_tree
from dver.pipelines.definition.stage import is_pattern
from dver.pipelines.definition.yaml_tree import Mark, error_at


class NoValue(Enum):
    """The type of ABSENT, which stands for a value that does not exist; None is a value."""

    ABSENT = "absent"


ABSENT: Final = NoValue.ABSENT
_CONSTANTS: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
"""JSON as Python writes it. All files share one NaN, which equals itself."""


def parse_values(content: bytes, name: str) -> dict[str, Any]:
    """The values of the file `name` by its suffix: `.json`, `.toml`, `.py`, and otherwise YAML.

    Dates become text. Python files are not executed: their values are assignments of literals in the module, in the
    bodies of classes, and to `self` in `__init__`. Raises PipelineError.
    """
    values = _parse(content, name)
    if not isinstance(values, dict):
        raise PipelineError(f"{name}: expected a mapping, not {yaml_tree.type_name(values)}")
    return values


def parse_metrics(content: bytes, name: str) -> dict[str, Any]:
    """The values of a metrics file. A file with a single number is a metric named after the file."""
    values = _parse(content, name)
    if is_number(values):
        return {posixpath.splitext(posixpath.basename(name))[0]: values}
    if not isinstance(values, dict):
        raise PipelineError(f"{name}: expected a mapping or a number, not {yaml_tree.type_name(values)}")
    return values


def is_number(value: object) -> bool:
    """True for an integer or a float, but not for a boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parse(content: bytes, name: str) -> Any:
    if len(content) > yaml_tree.MAX_SIZE:
        why = f"{len(content):,} bytes; at most {yaml_tree.MAX_SIZE:,} are read"
        raise PipelineError(f"{name} is too large", why=why)
    readers: dict[str, Callable[[bytes, str], Any]] = {".json": parse_json, ".toml": _toml, ".py": _python}
    values = readers.get(posixpath.splitext(name)[1], _yaml)(content, name)
    yaml_tree.check_depth(values, name)
    return values


def _lookup(values: Any, parts: list[str]) -> Any:
    if not parts:
        return values
    if isinstance(values, list):
        with suppress(ValueError, IndexError):
            return _lookup(values[int(parts[0])], parts[1:])
        return ABSENT
    if not isinstance(values, Mapping):
        return ABSENT
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in values and (found := _lookup(values[key], parts[length:])) is not ABSENT:
            return found
    return ABSENT


def select_keys(values: Mapping[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The values at the dotted `keys`, which can be patterns and may contain keys with dots. Omits missing keys.

    A pattern matches keys part by part, in the order of the file.
    """
    for key in keys:
        parts = key.split(".")
        found = _lookup(values, parts)
        if found is not ABSENT:
            yield key, found
        elif is_pattern(key):
            yield from _matching(values, parts, "")


def is_selected(key: str, found: Iterable[str]) -> bool:
    """True if `found`, the keys that `select_keys` returned, include `key` or match it."""
    return any(one == key or (is_pattern(key) and fnmatchcase(one, key)) for one in found)


def _matching(values: Any, parts: list[str], above: str) -> Iterator[tuple[str, Any]]:
    if not parts:
        yield above, values
        return
    found = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for key, value in found:
        if fnmatchcase(str(key), parts[0]):
            yield from _matching(value, parts[1:], f"{above}.{key}" if above else str(key))


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """All values that are not mappings, by dotted key. An empty mapping is a value.

    If two values have the same dotted key, parts with dots are quoted: `a.b` and `"a.b"`.
    """
    found = [(".".join(path), path, value) for path, value in _flat(values, ())]
    times = Counter(name for name, _, _ in found)
    return {
        name if times[name] == 1 and '"' not in name else ".".join(map(_quoted, path)): value
        for name, path, value in found
    }


def _flat(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, (*above, key))
        else:
            yield (*above, key), value


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) if "." in key or '"' in key else key


def _yaml(content: bytes, name: str) -> Any:
    return yaml_tree.parse_yaml(content, name).plain()


def parse_json(content: bytes, name: str) -> Any:
    """The value in the JSON file `name`. Raises PipelineError."""
    try:
        return json.loads(content, parse_constant=_CONSTANTS.__getitem__)
    except json.JSONDecodeError as error:
        raise error_at(Mark(name, error.lineno, error.colno), error.msg) from None
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{name} cannot be read", why=str(error)) from None


def _toml(content: bytes, name: str) -> Any:
    try:
        return _without_dates(tomllib.loads(content.decode(), parse_float=_float))
    except (ValueError, RecursionError) as error:  # tomllib's own errors are ValueErrors, as are those of decoding
        raise PipelineError(f"{name} cannot be read", why=str(error)) from None


def _float(text: str) -> float:
    return math.nan if text.endswith("nan") else float(text)


def _without_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_dates(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_dates(one) for one in value]
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value


def _python(content: bytes, name: str) -> dict[str, Any]:
    try:
        module = ast.parse(content)
    except SyntaxError as error:
        raise error_at(Mark(name, error.lineno or 1, error.offset or 1), error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise PipelineError(f"{name} cannot be read", why=str(error)) from None
    return _assigned(module.body)


def _assigned(body: list[ast.stmt]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = _assigned(statement.body)
        elif isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            found.update(_assigned(statement.body))
        else:
            found.update(_values_of(statement))
    return found


def _values_of(statement: ast.stmt) -> Iterator[tuple[str, Any]]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            pass
        case ast.AnnAssign(target=annotated, value=ast.expr() as value):
            targets = [annotated]
        case _:
            return
    for target in targets:
        match target:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                # What is no literal is computed when the file is imported, and that is not for us to do.
                with suppress(ValueError, TypeError):
                    yield name, _plain(ast.literal_eval(value))


def _plain(value: Any) -> Any:
    """A literal as a JSON value. Raises TypeError if it has none."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(one) for one in value), key=repr)
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError
