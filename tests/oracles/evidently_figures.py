"""Records what Evidently computes on seeded data: tests/fixtures/oracles/evidently.json (see `make oracles`)."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import evidently
import pandas as pd
from drift_data import CATEGORIES, SHIFTS, SIZES, columns
from evidently.legacy.calculations.stattests import (
    chi_stat_test,
    jensenshannon_stat_test,
    ks_stat_test,
    psi_stat_test,
    wasserstein_stat_test,
    z_stat_test,
)
from evidently.legacy.calculations.stattests.registry import get_stattest
from evidently.legacy.core import ColumnType

OUT = Path(__file__).parents[1] / "fixtures" / "oracles" / "evidently.json"
DISTANCES = {"jensen-shannon": jensenshannon_stat_test, "psi": psi_stat_test}
NUMBERS = {**DISTANCES, "ks": ks_stat_test, "wasserstein": wasserstein_stat_test}
VALUES = {**DISTANCES, "chi-square": chi_stat_test}


def _column(name: str, reference: Any, live: Any) -> dict[str, Any]:
    kind = ColumnType.Categorical if name in CATEGORIES else ColumnType.Numerical
    ours, theirs = pd.Series(reference), pd.Series(live)
    methods = dict(VALUES if kind is ColumnType.Categorical else NUMBERS)
    if name == "few":
        methods["chi-square"] = chi_stat_test
    if name == "pair":
        methods["z"] = z_stat_test
    found: dict[str, Any] = {"chosen": get_stattest(ours, theirs, kind, None).name}
    for method, test in methods.items():
        result = test(ours, theirs, kind, None)
        found[method] = {
            "score": float(result.drift_score),
            "threshold": float(result.actual_threshold),
            "drifted": bool(result.drifted),
        }
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    figures = {
        "program": "Evidently",
        "version": evidently.__version__,
        "columns": {
            f"{size} {shift}": {name: _column(name, *pair) for name, pair in columns(size, shift).items()}
            for size in SIZES
            for shift in SHIFTS
        },
    }
    OUT.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
