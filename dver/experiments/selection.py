"""Finding the experiment that a user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from dver.core.errors import UsageError
from dver.core.phrasing import join_limited, quoted
from dver.formats.experiment import Experiment

_SHORTEST: Final = 4
"""The fewest digits of an id or a commit."""


def find_experiment(
    experiments: Sequence[Experiment],
    text: str,
    *,
    is_own: Callable[[Experiment], bool] = lambda _: True,
    removed: Callable[[], Iterable[Experiment]] = tuple,
) -> Experiment:
    """The experiment that `text` names: its name, or the first digits of its id or its commit.

    Of several with the same name, the one for which `is_own` holds. Raises UsageError, with close matches; the error
    says so if one of the experiments `removed` has the name.
    """
    named = [one for one in experiments if one.name == text]
    found = named if len(named) < 2 else ([one for one in named if is_own(one)] or named)
    if not found and len(text) >= _SHORTEST:
        lowered = text.lower()
        found = [one for one in experiments if one.id.startswith(lowered) or one.commit.startswith(lowered)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = [one.id[:8] for one in found]
        raise UsageError(
            f"{text!r} names {len(found)} experiments",
            why=f"their ids are {join_limited(ids)}",
            fix=f"use an id, such as {ids[0]}",
        )
    if any(one.name == text for one in removed()):
        raise UsageError(f"experiment {text!r} was removed", fix=f"dver exp remove --restore {quoted(text)}")
    raise _unknown(experiments, text)


def find_experiments(
    experiments: Sequence[Experiment], texts: Sequence[str], *, is_own: Callable[[Experiment], bool] = lambda _: True
) -> list[Experiment]:
    """The experiments that `texts` name, each once. Raises UsageError as `find_experiment`."""
    found = (find_experiment(experiments, text, is_own=is_own) for text in texts)
    return list({one.id: one for one in found}.values())


def _unknown(experiments: Sequence[Experiment], text: str) -> UsageError:
    from difflib import get_close_matches  # only for this message

    close = get_close_matches(text, [one.name for one in experiments], n=3, cutoff=0.6)
    known = "`dver exp list` lists them" if experiments else "`dver exp run` makes one"
    return UsageError(f"no experiment {text!r}", fix=f"did you mean {' or '.join(close)}?" if close else known)
