"""Names in a rule of promotion: `auc`, `new.auc`, `prod.auc`, `prod["eval.json:roc auc"]`, `stage["pre-prod"].auc`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

NEW: Final = "new"
"""The prefix of the new version, which may be left out."""
CHECKS: Final = "checks"
STAGE: Final = "stage"
"""Names a stage of any spelling: `stage["pre-prod"]`."""


@dataclass(frozen=True, slots=True)
class RuleName:
    """A name: its parts, and the stage if it is written as `stage["pre-prod"]`."""

    parts: tuple[str, ...]
    stage: str | None = None

    @property
    def prefix(self) -> str | None:
        """A stage, or the first part of a nested metric such as `test.loss`, which look alike."""
        is_short = self.stage is not None or len(self.parts) < 2 or self.parts[0] in (NEW, CHECKS)
        return None if is_short else self.parts[0]


def name_of(tree: ast.expr) -> RuleName | None:
    """The name that an expression is; None for another expression."""
    match tree:
        case ast.Name(id=name):
            return RuleName((name,))
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))) if name == STAGE:
            return RuleName((), key)
        case ast.Attribute(value=value, attr=part):
            before = name_of(value)
            return None if before is None else replace(before, parts=(*before.parts, part))
        case ast.Subscript(value=value, slice=ast.Constant(value=str(part))):
            before = name_of(value)
            is_version = before is not None and len(before.parts) == (0 if before.stage is not None else 1)
            return replace(before, parts=(*before.parts, part)) if before is not None and is_version else None
    return None


def names_in(tree: ast.expr) -> Iterator[RuleName]:
    """The names in an expression, in its order."""
    if (name := name_of(tree)) is not None:
        yield name
        return
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.expr):
            yield from names_in(part)
