"""Substitutes `${…}` in `dver.yaml` with the values of variables.

`${a.b[0]}` selects a key, a key of that, and an element of a list; negative numbers count from the end. A text that
consists of one `${…}` becomes the value, with its type. Lists and mappings cannot be inserted into other text, except
in a command, where a mapping becomes options (`--lr 0.1 --layers 64 32 --verbose`). `\\${` is a literal `${`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from dver.pipelines.definition.yaml_tree import Mark, Node, error_at, type_name

_EXPRESSION: Final = re.compile(r"(?<!\\)\$\{(.*?)\}")
_PART: Final = r"[^.\[\]{}$]+"
_PATH: Final = re.compile(rf"\s*{_PART}(?:\.{_PART}|\[{_PART}\])*\s*")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_ESCAPED: Final = re.compile(r"\\\$\{")

Variables = Mapping[str, Any]
"""The values of variables: text, numbers, lists and mappings."""


MAX_TEXT: Final = 16 << 20
"""The maximum number of characters that variables can add to one text."""


@dataclass(frozen=True, slots=True)
class OptionStyle:
    """The format of a mapping as options of a command."""

    negated: bool = False
    """True to write false as `--no-name`; otherwise it is omitted."""
    repeated: bool = False
    """True to write a list as `--name 1 --name 2` instead of `--name 1 2`."""


def has_expression(text: object) -> bool:
    """True if the text contains `${…}`."""
    return isinstance(text, str) and _EXPRESSION.search(text) is not None


def substitute(node: Node, variables: Variables, *, command: OptionStyle | None = None, whole: bool = False) -> Node:
    """`node` with every `${…}` replaced. Raises PipelineError for an unknown variable.

    In a `command`, a mapping becomes options in this style. With `whole`, a text that consists of one `${…}` can become
    a list or a mapping.
    """
    value = node.value
    if isinstance(value, str):
        return _text(node, value, variables, command=command, whole=whole) if "${" in value else node
    if isinstance(value, tuple):
        return Node(tuple(substitute(one, variables, command=command, whole=whole) for one in value), node.mark)
    if isinstance(value, Mapping):
        return _mapping(node, value, variables, command=command, whole=whole)
    return node


def variable_value(expression: str, variables: Variables, mark: Mark) -> Any:
    """The value of the variable `expression`. Raises PipelineError if it is not defined."""
    if not _PATH.fullmatch(expression):
        raise error_at(mark, f"${{{expression}}} is not a variable", fix="use a name such as ${model.layers[0]}")
    found: Any = variables
    for part in re.split(r"[.\[\]]+", expression.strip().rstrip("]")):
        found = _child_value(found, part, expression, mark)
    return found


def as_text(value: object) -> str:
    """A value as part of a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_node(value: Any, mark: Mark) -> Node:
    """The value of a variable as a node at `mark`."""
    if isinstance(value, Mapping):
        return Node({str(key): as_node(one, mark) for key, one in value.items()}, mark)
    if _is_list(value):
        return Node(tuple(as_node(one, mark) for one in value), mark)
    return Node(value, mark)


def _text(node: Node, text: str, variables: Variables, *, command: OptionStyle | None, whole: bool) -> Node:
    only = _EXPRESSION.fullmatch(text)
    if only and "${" not in only[1]:
        value = variable_value(only[1], variables, node.mark)
        if whole or not _is_compound(value):
            return as_node(value, node.mark)

    left = MAX_TEXT

    def replaced(match: re.Match[str]) -> str:
        nonlocal left
        found = _insertion_text(variable_value(match[1], variables, node.mark), match[1], node.mark, command=command)
        left -= len(found)
        if left < 0:
            raise error_at(node.mark, f"the text exceeds {MAX_TEXT:,} characters after substitution")
        return found

    return Node(_ESCAPED.sub("${", _EXPRESSION.sub(replaced, text)), node.mark)


def _mapping(
    node: Node, value: Mapping[str, Node], variables: Variables, *, command: OptionStyle | None, whole: bool
) -> Node:
    values: dict[str, Node] = {}
    keys: dict[str, Mark] = {}
    for key, one in value.items():
        mark = node.keys.get(key, node.mark)
        name = as_text(substitute(Node(key, mark), variables).value) if "${" in key else key
        if name in values:
            raise error_at(mark, f"{key!r} becomes {name!r}, which already exists")
        values[name], keys[name] = substitute(one, variables, command=command, whole=whole), mark
    return Node(values, node.mark, keys)


def _child_value(found: Any, part: str, expression: str, mark: Mark) -> Any:
    if isinstance(found, Mapping):
        if part in found:
            return found[part]
        near = get_close_matches(part, [str(key) for key in found], 1)
        raise error_at(
            mark,
            f"${{{expression}}}: variable {part!r} not found",
            fix=f"did you mean {near[0]!r}?" if near else "define it in `vars` or params.yaml",
        )
    if _is_list(found) and _NUMBER.fullmatch(part.strip()) and -len(found) <= int(part) < len(found):
        return found[int(part)]
    raise error_at(mark, f"${{{expression}}}: {part!r} not found in {type_name(found)}")


def _insertion_text(value: object, expression: str, mark: Mark, *, command: OptionStyle | None) -> str:
    if not _is_compound(value):
        return as_text(value)
    if command is not None and isinstance(value, Mapping):
        return " ".join(_options(value, "", expression, mark, command))
    raise error_at(mark, f"${{{expression}}} is {type_name(value)}, which cannot be inserted into text")


def _options(value: Mapping[Any, Any], above: str, expression: str, mark: Mark, style: OptionStyle) -> list[str]:
    found: list[str] = []
    for key, one in value.items():
        name = f"{above}{key}"
        if isinstance(one, Mapping):
            found += _options(one, f"{name}.", expression, mark, style)
        elif isinstance(one, bool):
            found += [f"--{name}"] if one else [f"--no-{name}"] if style.negated else []
        elif not _is_list(one):
            found += [f"--{name}", _argument(one)]
        elif any(_is_compound(part) for part in one):
            raise error_at(
                mark, f"${{{expression}}}: {name!r} is a list of lists or mappings, which cannot become an option"
            )
        elif style.repeated:
            found += [word for part in one for word in (f"--{name}", _argument(part))]
        else:
            found += [f"--{name}", *map(_argument, one)] if one else []
    return found


def _argument(value: object) -> str:
    # Within a list, DVC calls `true` by Python's name.
    return shlex.quote(value) if isinstance(value, str) else str(value)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_compound(value: object) -> bool:
    return _is_list(value) or isinstance(value, Mapping)
