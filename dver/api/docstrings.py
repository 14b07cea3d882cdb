"""Reads the documentation of public names from the sources: docstrings, signatures and fields of results."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from textwrap import dedent
from typing import Any, Final

_SECTIONS: Final = ("Args", "Returns", "Raises")
_ENTRY: Final = re.compile(r"^(?P<names>[\w, ]+): (?P<text>.*)$")
_NAME: Final = re.compile(r"[A-Z]\w+")


@dataclass(frozen=True, slots=True)
class Documentation:
    """A docstring in parts. The keys of its sections are names, or several with commas."""

    summary: str
    returns: str
    args: Mapping[str, str]
    raises: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DocumentedField:
    """A field or property of a result."""

    name: str
    type: str
    text: str


def documentation_of(value: object) -> Documentation:
    """The docstring of a function, method or class."""
    parts: dict[str, list[str]] = {"": []}
    current = ""
    for line in (inspect.getdoc(value) or "").splitlines():
        if line.removesuffix(":") in _SECTIONS and line.endswith(":"):
            current = line.removesuffix(":")
            parts[current] = []
        else:
            parts[current].append(line)
    args, raises = (_entries(parts.get(one, [])) for one in ("Args", "Raises"))
    return Documentation("\n".join(parts[""]).strip(), _joined(parts.get("Returns", [])), args, raises)


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines).strip()


def _entries(lines: list[str]) -> dict[str, str]:
    """The entries of a section: `name: text`, with indented continuations."""
    entries: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + "\n".join(lines)).splitlines():
        found = _ENTRY.match(line)
        if found is not None:
            name = found["names"]
            entries[name] = found["text"]
        elif line.strip():
            entries[name] += " " + line.strip()
    return entries


def signature_of(function: Callable[..., Any], name: str) -> str:
    """The call of a function as the source has it, on several lines if it is long."""
    signature = inspect.signature(function)
    shown = [_parameter(one) for one in signature.parameters.values() if one.name not in ("self", "cls")]
    keywords = [one for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
    if keywords and not any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()):
        at = len(shown) - len(keywords) - sum(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
        shown.insert(at, "*")
    result = _type_text(signature.return_annotation)
    line = f"{name}({', '.join(shown)}) -> {result}"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(shown) + f",\n) -> {result}"


def _parameter(one: inspect.Parameter) -> str:
    star = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    default = "" if one.default is one.empty else f" = {one.default!r}"
    return f"{star}{one.name}: {_type_text(one.annotation)}{default}"


def _type_text(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def fields_of(kind: type) -> Iterator[DocumentedField]:
    """The fields and properties of a dataclass or named tuple, with the texts below them in the source."""
    body = _class_body(kind)
    names = [one.name for one in fields(kind)] if is_dataclass(kind) else getattr(kind, "_fields", ())
    for at, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id in names:
            yield DocumentedField(node.target.id, ast.unparse(node.annotation), _text_below(body, at))
    for name, found in vars(kind).items():
        if isinstance(found, property) and found.fget is not None and not name.startswith("_"):
            result = _type_text(inspect.signature(found.fget).return_annotation)
            yield DocumentedField(name, result, inspect.getdoc(found) or "")


def _class_body(kind: type) -> list[ast.stmt]:
    (node,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    return node.body


def _text_below(body: list[ast.stmt], at: int) -> str:
    below = body[at + 1] if at + 1 < len(body) else None
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
        return inspect.cleandoc(below.value.value)
    return ""


def named_types(annotation: str, module: str) -> Iterator[type]:
    """The classes of dver that an annotation in `module` names."""
    origins = _imported_names(module)
    for name in dict.fromkeys(_NAME.findall(annotation)):
        found = getattr(import_module(origins.get(name, module)), name, None)
        if isinstance(found, type) and found.__module__.startswith("dver."):
            yield found


def _imported_names(module: str) -> dict[str, str]:
    """The origin of each name that a module imports, those for type checkers included."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module is not None)
    return {one.asname or one.name: str(node.module) for node in imports for one in node.names}
