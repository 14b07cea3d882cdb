"""The columns of two profiles side by side, and how each pair is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.errors import UsageError
from dver.drift.result import DriftMethod
from dver.drift.settings import DriftSettings
from dver.formats.profile import ColumnProfile, ColumnType, PartSummary
from dver.profiles.sketches.distinct import Distinct

SMALL: Final = 1000
"""Up to this many reference rows tests are used, and distances above, as Evidently does."""
FEW_VALUES: Final = 5
"""Numbers with at most this many different values are compared as categories."""
IGNORED: Final = "it is ignored on request"
_EACH_ONCE: Final = 0.85
"""If the share of distinct values is larger, each may occur once: estimates in small sketches have errors of 5 %."""
_CATEGORIES: Final = (ColumnType.TEXT, ColumnType.BOOLEAN)
_NUMBERS: Final = (ColumnType.INTEGER, ColumnType.NUMBER)
_ONLY_NUMBERS: Final = (DriftMethod.KS, DriftMethod.WASSERSTEIN)
_ONLY_CATEGORIES: Final = (DriftMethod.CHI_SQUARE, DriftMethod.Z)


@dataclass(frozen=True, slots=True)
class Pair:
    """A column of the reference and the one of the same name in live data; one of them may be missing."""

    name: str
    reference: ColumnProfile | None
    live: ColumnProfile | None
    unique: bool = True
    """Is this the only column with its name?"""

    def parts(self, every: Sequence[PartSummary]) -> Sequence[PartSummary]:
        """The parts of the reference that say how the column varies.

        None for columns with the same name, since parts name them, and none for times, which differ in all parts.
        """
        timed = self.reference is not None and self.reference.type is ColumnType.TIME
        return every if self.unique and not timed else ()


def pair_columns(reference: Sequence[ColumnProfile], live: Sequence[ColumnProfile]) -> tuple[Pair, ...]:
    """Pair columns by name, in the order of the reference, then new ones.

    Of columns with the same name, the first belong together, the second, and so on.
    """
    mine, theirs = dict(_numbered(reference)), dict(_numbered(live))
    keys = {**mine, **theirs}
    names = Counter(name for name, _ in keys)
    return tuple(Pair(key[0], mine.get(key), theirs.get(key), names[key[0]] == 1) for key in keys)


def usable(column: ColumnProfile) -> int:
    """The values that are not null, NaN or infinite."""
    return column.count - column.nulls - column.nans - column.infinities


def type_changed(reference: ColumnProfile, live: ColumnProfile) -> bool:
    """Did the type change? Integers and other numbers are one type, and empty columns have any."""
    kinds = {reference.type, live.type}
    if len(kinds) == 1 or ColumnType.EMPTY in kinds or kinds == set(_NUMBERS):
        return False
    # Codes such as "17" and "A4" are texts, and the few of a small batch may all look like numbers.
    return not (reference.type is ColumnType.TEXT and reference.mixed and live.type in _NUMBERS)


def reason_not_compared(pair: Pair, settings: DriftSettings) -> str | None:
    """Why the distributions of a pair cannot be compared; None if they can."""
    reference, live = pair.reference, pair.live
    if pair.name in settings.ignored:
        return IGNORED
    if reference is None or live is None:
        return None
    for column, whose in ((reference, "reference"), (live, "live data")):
        if not column.count:
            return f"the {whose} has no rows"
        if not usable(column):
            return f"the {whose} has no values in this column"
    if reference.type is not live.type and {reference.type, live.type} != set(_NUMBERS):
        return f"the types differ: {reference.type.value} in the reference, {live.type.value} in the live data"
    return _reason_of_type(reference, live, settings.times or settings.of(pair.name) != type(settings.of(pair.name))())


def _reason_of_type(reference: ColumnProfile, live: ColumnProfile, on_request: bool) -> str | None:
    match reference.type:
        case ColumnType.TIME if not on_request:
            return "times differ in all later data; they are compared on request"
        case ColumnType.BYTES | ColumnType.NESTED:
            return f"columns of type {reference.type.value} have no distribution to compare"
        case ColumnType.INTEGER if not on_request and _is_numbering(reference):
            return "it numbers the rows: each value occurs once"
        case ColumnType.TEXT | ColumnType.BOOLEAN:
            return _reason_of_counts(reference, live)
    if reference.numbers is None or live.numbers is None:
        return "its values are private"
    return None


def _reason_of_counts(reference: ColumnProfile, live: ColumnProfile) -> str | None:
    if reference.counts is None or live.counts is None:
        return "its values are private"
    values = usable(reference)
    if reference.type is ColumnType.TEXT and values > FEW_VALUES and distinct(reference) > values / 2:
        return "most values occur once, as in identifiers and free text"
    return None


def _is_numbering(column: ColumnProfile) -> bool:
    """Are these identifiers: integers without gaps to speak of, each once?"""
    numbers = column.numbers
    if numbers is None or numbers.count < 20 or distinct(column) < _EACH_ONCE * numbers.count:
        return False
    return numbers.maximum - numbers.minimum < 2 * numbers.count


def distinct(column: ColumnProfile) -> float:
    """The number of different values, estimated if there are many."""
    if column.counts is not None and column.counts.complete:
        return len(column.counts.values)
    return Distinct.of(column.distinct).estimate() if column.distinct else 0


def different_values(reference: ColumnProfile, live: ColumnProfile) -> float:
    """The number of different values in both together: at least, if there are many."""
    both = (reference.counts, live.counts)
    if all(one is not None and one.complete for one in both):
        return len({value for one in both if one is not None for value, _ in one.values})
    return max(distinct(reference), distinct(live))


def choose_method(pair: Pair, settings: DriftSettings) -> DriftMethod:
    """The method for a pair that can be compared: by type and size as Evidently does, unless settings name one.

    Raises UsageError if the column has no distribution that the method can compare.
    """
    reference, live = pair.reference, pair.live
    assert reference is not None  # reason_not_compared said so
    assert live is not None
    values = different_values(reference, live)
    categories = reference.type in _CATEGORIES or (values <= FEW_VALUES and has_counts(reference, live))
    wanted = settings.of(pair.name).method
    if wanted is not None:
        _refuse_unfit(pair.name, wanted, reference, live, values)
        return wanted
    general = settings.categories if categories else settings.numbers
    if general is not None and general not in (_ONLY_NUMBERS if categories else _ONLY_CATEGORIES):
        return general
    small = reference.count <= SMALL
    if not categories:
        return DriftMethod.KS if small else DriftMethod.WASSERSTEIN
    if not small:
        return DriftMethod.JENSEN_SHANNON
    return DriftMethod.CHI_SQUARE if values > 2 else DriftMethod.Z


def has_counts(reference: ColumnProfile, live: ColumnProfile) -> bool:
    """Are the counts of all values known on both sides?"""
    return all(one.counts is not None and one.counts.complete for one in (reference, live))


def _refuse_unfit(name: str, method: DriftMethod, reference: ColumnProfile, live: ColumnProfile, values: float) -> None:
    why = None
    if method in _ONLY_NUMBERS and (reference.numbers is None or live.numbers is None):
        why = f"it compares numbers, and the column has type {reference.type.value}"
    elif method in _ONLY_CATEGORIES and (reference.counts is None or live.counts is None):
        why = "the counts of the column's values are not known"
    elif method in _ONLY_CATEGORIES and reference.type not in _CATEGORIES and not has_counts(reference, live):
        why = "it compares categories, and the column has numbers with many values"
    elif method is DriftMethod.Z and values > 2:
        why = "it compares columns of two values"
    if why is not None:
        raise UsageError(
            f"method {method.value} does not fit column {name!r}", why=why, fix="choose another method, or leave it out"
        )


def _numbered(columns: Sequence[ColumnProfile]) -> Iterator[tuple[tuple[str, int], ColumnProfile]]:
    seen: Counter[str] = Counter()
    for column in columns:
        yield (column.name, seen[column.name]), column
        seen[column.name] += 1
