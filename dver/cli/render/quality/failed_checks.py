"""Failed checks that only warn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dver.cli.context import Context
from dver.cli.render.terminal import printable

if TYPE_CHECKING:
    from dver.checks.result import CheckedData


def warn_about_checks(ctx: Context, checked: Sequence[CheckedData]) -> None:
    """Print a warning for each failed check that does not refuse the data."""
    if not any(one.warnings for one in checked):
        return
    from dver.gates.errors import result_text

    lines = [printable(result_text(result, one.path)) for one in checked for result in one.warnings]
    ctx.listing([f"check failed: {line}" for line in lines], ctx.warn)
