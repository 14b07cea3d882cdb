"""Checks of the data of staged pointers and locks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dver.core.errors import CorruptError, MissingObjectError
from dver.core.phrasing import quoted
from dver.gates.suite_presence import may_have_checks, pipelines_may_have_checks
from dver.gitflow.commit.lock_checks import StagedLock, new_outputs
from dver.gitflow.commit.pointer_checks import CommitProblem
from dver.repo import Repository
from dver.tracking.targets import TrackedData


def check_problems(
    repo: Repository, tracked: Mapping[bytes, TrackedData], locks: Iterable[StagedLock]
) -> list[CommitProblem]:
    """A problem for each staged pointer and new output of a lock whose data fails a critical check or cannot be read.

    Data that was recorded with `--no-checks` is left out. Results are kept, so that the same data is not checked again.
    """
    data = [one for one in (*tracked.values(), *new_outputs(repo, locks)) if not one.pointer.checks_skipped]
    if not data or not (may_have_checks(repo, [one.path for one in data]) or pipelines_may_have_checks(repo, data)):
        return []
    return list(_problems(repo, data))


def _problems(repo: Repository, data: Sequence[TrackedData]) -> Iterator[CommitProblem]:
    # These imports are slow, and most commits need none of them.
    from dver.gates.data_checks import DataGate
    from dver.gates.errors import failed, failures_text
    from dver.gates.recorded_data import suites_of_data
    from dver.pipelines.workspace.pipelines import pipelines_of_workspace

    checks = DataGate(repo)
    has_outputs = any(one.maker is not None for one in data)
    pipelines = pipelines_of_workspace(repo) if has_outputs else {}
    for one in data:
        try:
            checked = checks.check_recorded(suites_of_data(checks, one, pipelines), one)
        except MissingObjectError:  # data that is not here was checked where it was added
            continue
        except CorruptError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            yield CommitProblem(one.source, "its data cannot be checked", why, _fix(repo, one))
            continue
        if failed(checked):
            yield CommitProblem(one.source, "its data fails critical checks", failures_text(checked), _fix(repo, one))
    checks.keep()


def _fix(repo: Repository, one: TrackedData) -> str:
    shown = quoted(repo.layout.shown(one.path))
    if one.maker is None:
        return f"correct it, then dver add {shown}; or, to override the checks: dver add --no-checks {shown}"
    stage = quoted(one.maker.shown(repo))
    override = f"or, to override the checks: dver commit --no-checks {stage}"
    return f"correct the rules, or the stage and then dver repro {stage}; {override}"
