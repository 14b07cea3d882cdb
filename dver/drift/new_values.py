"""Values that the reference does not have."""

from __future__ import annotations

from dver.formats.profile import Value, ValueCounts

SHOWN = 20
"""The most new values that are listed."""


def new_values(reference: ValueCounts, live: ValueCounts) -> tuple[tuple[Value, int], ...]:
    """The new values with their counts, most frequent first; empty if not all values of the reference are known."""
    if not reference.complete:
        return ()
    known = {value for value, _ in reference.values}
    return tuple((value, times) for value, times in live.values if value not in known)


def new_values_p_value(reference: ValueCounts, live: ValueCounts, sizes: tuple[int, int]) -> float:
    """The probability that live data has new values like these, if it is drawn from the same data as the reference.

    Rare values are missing in any sample. If rows are divided by chance, all t rows of a value are live with
    probability s**t, s being the share of live rows. So two things are improbable: that this happens to a frequent
    value, and that it happens to most of those that occur once.
    """
    from scipy.special import bdtrc

    new = new_values(reference, live)
    if not new:
        return 1.0
    totals: dict[Value, int] = {}
    for value, times in (*reference.values, *live.values):
        totals[value] = totals.get(value, 0) + times
    share = sizes[1] / sum(sizes)
    frequent = sum(share**total for total in totals.values() if total >= new[0][1])
    single = sum(1 for total in totals.values() if total == 1)
    single_new = sum(1 for _, times in new if times == 1)
    once = float(bdtrc(single_new - 1, single, share)) if single_new else 1.0
    return min(1.0, 2 * min(frequent, once))
