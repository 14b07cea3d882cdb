"""Changes of literals in Python files of parameters: everything else in the file stays."""

from __future__ import annotations

import ast
import codecs
import io
import math
import tokenize
from collections.abc import Iterator
from typing import Any, NamedTuple

from dver.core.errors import UsageError
from dver.experiments.overrides.changes import ChangeKind, ParamChange
from dver.pipelines.definition.yaml_edits import by_hand


class _Span(NamedTuple):
    """Bytes of the file to replace."""

    start: int
    end: int
    new: str


class _Source:
    """The bytes of a Python file, and the offsets of its lines."""

    def __init__(self, content: bytes) -> None:
        self.content = content.removeprefix(codecs.BOM_UTF8)
        self.bom = content[: len(content) - len(self.content)]
        self.lines = self.content.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    @property
    def line_ending(self) -> str:
        return "\r\n" if self.lines and self.lines[0].endswith(b"\r\n") else "\n"


def edit_python(content: bytes, name: str, change: ParamChange, after: Any) -> bytes:
    """The Python file `name` with one change. The result is still to be verified.

    Raises UsageError for deletions and for NaN, and PipelineError for a file that cannot be edited.
    """
    if change.kind is ChangeKind.REMOVE:
        raise UsageError(f"{name}: keys of Python files cannot be deleted", fix=f"edit {name} by hand")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        raise by_hand(name, f"its encoding is {encoding}, not UTF-8")
    source = _Source(content)
    span = _span(source, change, name)
    new = span.new.encode()
    return source.bom + source.content[: span.start] + new + source.content[span.end :]


def _span(source: _Source, change: ParamChange, name: str) -> _Span:
    body: list[ast.stmt] = ast.parse(source.content).body
    owner: ast.ClassDef | None = None
    path = list(change.path)
    while path:
        found = _definition(body, str(path[0]))
        if isinstance(found, ast.ClassDef) and len(path) > 1:
            body, owner, path = found.body, found, path[1:]
        elif isinstance(found, ast.expr):
            return _in_literal(source, found, path[1:], change, name)
        else:
            break
    if change.kind is not ChangeKind.INSERT or len(path) != 1 or not str(path[0]).isidentifier():
        raise by_hand(name, f"{path[0]!r} is not an assignment")
    if owner is not None and body[0].lineno == owner.lineno:
        raise by_hand(name, f"class {owner.name} is written in one line")
    return _new_assignment(source, body, owner, f"{path[0]} = {literal(change.value, name)}")


def _definition(body: list[ast.stmt], key: str) -> ast.expr | ast.ClassDef | None:
    """The class, or the value of the assignment, that a key has: the last one, which counts."""
    return next((value for found, value in reversed(list(_definitions(body))) if found == key), None)


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | ast.ClassDef]]:
    """As `param_files` reads them: assignments and classes, and what `__init__` assigns to self."""
    for statement in body:
        match statement:
            case ast.ClassDef(name=name):
                yield name, statement
            case ast.FunctionDef(name="__init__", body=inner):
                yield from _definitions(inner)
            case ast.Assign(targets=targets, value=value):
                yield from ((key, value) for target in targets if (key := _target(target)) and _is_literal(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                if (key := _target(target)) and _is_literal(value):
                    yield key, value


def _target(target: ast.expr) -> str | None:
    match target:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return None


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _in_literal(source: _Source, found: ast.expr, path: list[str | int], change: ParamChange, name: str) -> _Span:
    """Replaces, or adds, an element of the literal `found`."""
    for depth, part in enumerate(path):
        inner = _element(found, part)
        if inner is None:
            if change.kind is not ChangeKind.INSERT or depth != len(path) - 1:
                raise by_hand(name, f"{part!r} is not in the literal in line {found.lineno}")
            return _new_element(source, found, part, change.value, name)
        found = inner
    return _Span(source.start(found), source.end(found), literal(change.value, name, old=found))


def _element(found: ast.expr, part: str | int) -> ast.expr | None:
    match found:
        case ast.Dict(keys=keys, values=values):
            pairs = [(key, value) for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)]
            return next((value for key, value in reversed(pairs) if str(key.value) == part), None)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements[part] if isinstance(part, int) and part < len(elements) else None
    return None


def _new_element(source: _Source, found: ast.expr, part: str | int, value: Any, name: str) -> _Span:
    new = literal(value, name)
    match found:
        case ast.Dict(values=existing):
            new = f"{part!r}: {new}"
        case ast.List(elts=existing):
            pass
        case _:
            raise by_hand(name, f"elements cannot be added to the literal in line {found.lineno}")
    if existing:
        at = source.end(existing[-1])
        return _Span(at, at, f", {new}")
    at = source.end(found) - 1
    return _Span(at, at, new)


def _new_assignment(source: _Source, body: list[ast.stmt], owner: ast.ClassDef | None, text: str) -> _Span:
    """Adds a line at the end of the file or of a class."""
    line = len(source.lines) if owner is None else body[-1].end_lineno or body[-1].lineno
    indent = b"" if owner is None else source.lines[body[0].lineno - 1][: body[0].col_offset]
    at, eol = source.starts[line], source.line_ending
    begin = "" if line == 0 or source.lines[line - 1].endswith((b"\n", b"\r")) else eol
    return _Span(at, at, f"{begin}{indent.decode()}{text}{eol}")


def literal(value: Any, name: str, *, old: ast.expr | None = None) -> str:
    """`value` as a Python literal; in place of a tuple or set, a list becomes one. Raises UsageError for NaN."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(one, name)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        elements = ", ".join(literal(one, name) for one in value)
        if isinstance(old, ast.Tuple):
            return f"({elements},)" if len(value) == 1 else f"({elements})"
        return f"{{{elements}}}" if isinstance(old, ast.Set) and value else f"[{elements}]"
    if isinstance(value, float) and math.isnan(value):
        raise UsageError(f"{name} cannot have NaN", why="Python has no literal for it", fix="use null, or a YAML file")
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)
