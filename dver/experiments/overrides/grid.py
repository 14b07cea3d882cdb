"""Grids: every combination of the values that overrides have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from dver.core.errors import UsageError
from dver.experiments.overrides.choices import MAX_VARIANTS
from dver.experiments.overrides.override import Override
from dver.experiments.overrides.parse import parse_swept
from dver.pipelines.definition.stage import PARAMS_FILE


def expand(texts: Sequence[str], *, default_file: str = PARAMS_FILE) -> tuple[tuple[Override, ...], ...]:
    """The overrides of each variant. The last key varies fastest. One variant if no key has several values.

    Raises UsageError for a malformed override, and for more than MAX_VARIANTS variants.
    """
    found = parse_swept(texts, default_file=default_file)
    size = math.prod(len(one.choices) for one in found)
    if size > MAX_VARIANTS:
        factors = " x ".join(str(len(one.choices)) for one in found if len(one.choices) > 1)
        raise UsageError(
            f"the grid has {size:,} variants ({factors})",
            why=f"at most {MAX_VARIANTS:,} are supported",
            fix="use fewer values, or a random sweep",
        )
    return tuple(product(*(one.choices for one in found)))
