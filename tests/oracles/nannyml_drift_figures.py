"""Records NannyML's drift of seeded data: tests/fixtures/oracles/nannyml_drift.json (see `make oracles`)."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import nannyml
import pandas as pd
from drift_data import CATEGORIES, SHIFTS, SIZES, columns

OUT = Path(__file__).parents[1] / "fixtures" / "oracles" / "nannyml_drift.json"


def _figures(size: str, shift: str) -> dict[str, dict[str, float]]:
    pairs = columns(size, shift)
    reference = pd.DataFrame({name: pair[0] for name, pair in pairs.items()})
    live = pd.DataFrame({name: pair[1] for name, pair in pairs.items()})
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(pairs),
        chunk_size=len(live),
        continuous_methods=["kolmogorov_smirnov", "wasserstein"],
        categorical_methods=["chi2", "jensen_shannon"],
        computation_params={
            "wasserstein": {"calculation_method": "exact"},
            "kolmogorov_smirnov": {"calculation_method": "exact"},
        },
    )
    calculator.fit(reference)
    found: Any = calculator.calculate(live).filter(period="analysis").to_df()
    methods = {False: ("kolmogorov_smirnov", "wasserstein"), True: ("chi2", "jensen_shannon")}
    return {
        name: {method: float(found[(name, method, "value")].iloc[0]) for method in methods[name in CATEGORIES]}
        for name in pairs
    }


def main() -> None:
    warnings.simplefilter("ignore")
    figures = {
        "program": "NannyML",
        "version": nannyml.__version__,
        "columns": {f"{size} {shift}": _figures(size, shift) for size in SIZES for shift in SHIFTS},
    }
    OUT.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
