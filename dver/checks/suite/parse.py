"""Parses suites: `dver.checks.yaml`, and `checks` of an output in dver.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dver.checks.result import Severity
from dver.checks.suite.column_rules import column_rules
from dver.checks.suite.limits import at_most, between, change, scalar, whole
from dver.checks.suite.rules import AtMost, CheckRule, DriftLimits, RuleKind, Wanted, WantedColumns
from dver.checks.suite.written import Written, names, severity_of, types, written
from dver.pipelines.definition.yaml_fields import flag, list_items, mapping, text
from dver.pipelines.definition.yaml_tree import Mark, Node, error_at, parse_yaml

PLUGINS: Final = ("pandera", "pointblank")
"""Plug-ins of dver itself: each has a key of its own."""
_FILE_KEYS: Final = ("checks", "severity")
_BLOCK_KEYS: Final = (
    "collection", "severity", "rows", "schema", "key", "columns", "expressions", "sql", "unreadable", "drift",
    *PLUGINS, "plugins",
)  # fmt: skip
_VERSION_OF_MODEL: Final = re.compile(r"model [^\s]+")


@dataclass(frozen=True, slots=True)
class PatternRules:
    """The rules for the paths that match a pattern."""

    pattern: str
    """A path relative to the directory of the file; `*`, `?`, `[…]` and `**` match several."""
    mark: Mark
    rules: tuple[CheckRule, ...]


def parse_suite(content: bytes, name: str) -> tuple[PatternRules, ...]:
    """The rules of the file `name`, by pattern. Raises PipelineError with the position of the mistake."""
    found = mapping(parse_yaml(content, name), name, _FILE_KEYS)
    severity = severity_of(found.get("severity"), Severity.CRITICAL)
    if "checks" not in found:
        raise error_at(Mark(name, 1, 1), "no `checks`", fix="add rules: `checks: {data.csv: {rows: {min: 1}}}`")
    listed = mapping(found["checks"], "`checks`")
    marks = found["checks"].keys
    return tuple(
        PatternRules(_pattern(pattern, marks[pattern]), marks[pattern], parse_rules(node, severity))
        for pattern, node in listed.items()
    )


def parse_rules(node: Node, severity: Severity = Severity.CRITICAL) -> tuple[CheckRule, ...]:
    """The rules for one path: a mapping, or a list of them. Raises PipelineError."""
    blocks = node.value if isinstance(node.value, tuple) else (node,)
    found = tuple(rule for block in blocks for rule in _block(block, severity))
    if not found:
        raise error_at(node.mark, "no rules", fix=f"known keys: {', '.join(_BLOCK_KEYS)}")
    return found


def _pattern(text: str, mark: Mark) -> str:
    parts = text.rstrip("/").split("/")
    if text.startswith("/") or ".." in parts or not text.strip("/") or "\0" in text or "\\" in text:
        raise error_at(
            mark,
            f"{text!r} is not a path below the directory of the file",
            fix="put the file into a directory above the data",
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _block(node: Node, severity: Severity) -> Iterator[CheckRule]:
    found = mapping(node, "rules", _BLOCK_KEYS)
    severity = severity_of(found.get("severity"), severity)
    collection = None if "collection" not in found else text(found["collection"], "`collection`")
    for key, read in _READERS.items():
        if key in found:
            for rule in read(found[key], severity, node.keys[key]):
                yield replace(rule, collection=collection)


def _rows(node: Node, severity: Severity, mark: Mark) -> Iterator[CheckRule]:
    given = written(node, severity)
    one = given.node
    change_of = one.value.get("change") if isinstance(one.value, Mapping) else None
    limits = between(one, "`rows`", whole, exactly=True, more=("change",))
    if limits.low is not None or limits.high is not None:
        yield _rule(RuleKind.ROWS, limits, given, mark)
    if change_of is not None:
        yield _rule(RuleKind.ROWS_CHANGE, change(change_of, "`rows`: `change`"), given, change_of.mark)


def _schema(node: Node, severity: Severity, mark: Mark) -> Iterator[CheckRule]:
    given = written(node, severity)
    found = mapping(given.node, "`schema`", ("columns", "order", "extra"))
    if "columns" not in found:
        raise error_at(node.mark, "`schema` has no `columns`", fix="name them: `columns: {id: integer, name: text}`")
    listed = found["columns"]
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    if isinstance(listed.value, Mapping):
        columns = tuple((name, types(one)) for name, one in listed.value.items())
    else:
        columns = tuple((name, ()) for name in names(listed, "`columns`"))
    if not columns:
        raise error_at(listed.mark, "`columns`: expected at least one column")
    wanted = WantedColumns(columns, flag(found, "order", False), flag(found, "extra", True))
    yield _rule(RuleKind.SCHEMA, wanted, given, mark)


def _key(node: Node, severity: Severity, mark: Mark) -> Iterator[CheckRule]:
    given = written(node, severity)
    yield _rule(RuleKind.KEY, names(given.node, "`key`"), given, mark)


def _expressions(node: Node, severity: Severity, _mark: Mark) -> Iterator[CheckRule]:
    yield from _named(RuleKind.EXPRESSION, "`expressions`", node, severity)


def _sql(node: Node, severity: Severity, _mark: Mark) -> Iterator[CheckRule]:
    yield from _named(RuleKind.SQL, "`sql`", node, severity)


def _named(kind: RuleKind, what: str, node: Node, severity: Severity) -> Iterator[CheckRule]:
    """Texts, or mappings of one name to a text or `{value: …, severity: …}`."""
    items = list_items(node, what) if isinstance(node.value, tuple) else (node,)
    for item in items:
        pairs: Mapping[str | None, Node] = {None: item}
        if isinstance(item.value, Mapping) and "value" not in item.value:
            pairs = dict(item.value.items())
        for name, one in pairs.items():
            given = written(one, severity)
            yield CheckRule(kind, text(given.node, what), given.severity, str(given.node.mark), name=name)


def _unreadable(node: Node, severity: Severity, mark: Mark) -> Iterator[CheckRule]:
    given = written(node, severity)
    wanted: AtMost = at_most(given.node, "`unreadable`")
    yield _rule(RuleKind.UNREADABLE, wanted, given, mark)


def _drift(node: Node, severity: Severity, mark: Mark) -> Iterator[CheckRule]:
    given = written(node, severity)
    found = mapping(given.node, "`drift`", ("against", "columns"))
    if "against" not in found:
        raise error_at(node.mark, "`drift` has no `against`", fix="name a version: `against: v1.0`")
    against = str(scalar(found["against"], "`against`")).strip()
    if against.startswith("model ") and not _VERSION_OF_MODEL.fullmatch(against):
        raise error_at(
            found["against"].mark, f"`against`: {against!r} names no model", fix="such as `model churn#prod`"
        )
    columns = names(found["columns"], "`columns`") if "columns" in found else ()
    yield _rule(RuleKind.DRIFT, DriftLimits(against, columns), given, mark)


def _columns(node: Node, severity: Severity, _mark: Mark) -> Iterator[CheckRule]:
    for name, one in mapping(node, "`columns`").items():
        yield from column_rules(name, one, severity)


def _plugin(name: str, node: Node, severity: Severity, mark: Mark) -> CheckRule:
    given = written(node, severity)
    return CheckRule(RuleKind.PLUGIN, text(given.node, f"`{name}`"), given.severity, str(mark), name=name)


def _plugins(node: Node, severity: Severity, _mark: Mark) -> Iterator[CheckRule]:
    for name, one in mapping(node, "`plugins`").items():
        yield _plugin(name, one, severity, node.keys[name])


def _rule(kind: RuleKind, wanted: Wanted, given: Written, mark: Mark) -> CheckRule:
    return CheckRule(kind, wanted, given.severity, str(mark))


_READERS: Final = {
    "rows": _rows,
    "schema": _schema,
    "key": _key,
    "columns": _columns,
    "expressions": _expressions,
    "sql": _sql,
    "unreadable": _unreadable,
    "drift": _drift,
    "pandera": lambda node, severity, mark: iter((_plugin("pandera", node, severity, mark),)),
    "pointblank": lambda node, severity, mark: iter((_plugin("pointblank", node, severity, mark),)),
    "plugins": _plugins,
}
