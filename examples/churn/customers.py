"""Makes a file of customers. Those who call the hotline often leave more often."""

from __future__ import annotations

import argparse
import csv
import math
import random

PLANS = ("basic", "plus", "pro")


def customer(draw: random.Random, number: int, calls: float) -> dict[str, object]:
    """One row. `calls` is the mean number of calls."""
    plan = draw.choices(range(3), (5, 3, 2))[0]
    months, called = draw.randint(1, 60), sum(draw.random() < calls / 20 for _ in range(20))
    leaves = 1 / (1 + math.exp(-(0.9 * (called - 4) - 0.03 * months - 0.4 * plan)))
    return {
        "customer": f"c{number:06}",
        "plan": PLANS[plan],
        "months": months,
        "calls": called,
        "spent": round(draw.gauss(30 + 20 * plan, 8), 2),
        "left": int(draw.random() < leaves),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("rows", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--calls", type=float, default=3.0)
    parser.add_argument("--without-answers", action="store_true")
    said = parser.parse_args()
    draw = random.Random(said.seed)
    rows = [customer(draw, said.seed * 100_000 + number, said.calls) for number in range(said.rows)]
    names = [name for name in rows[0] if name != "left" or not said.without_answers]
    with open(said.file, "w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
