"""`dver check data`: check data against its rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dver.checks.evaluation.answer import error_text
from dver.checks.evaluation.evaluate import checked_data
from dver.checks.project_data import rule_results
from dver.checks.result import CheckedData, RuleOutcome, RuleResult, Severity
from dver.checks.suite.find import output_suite, suites_for
from dver.checks.suite.rules import FILE_NAME, CheckSuite
from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError, UsageError
from dver.core.phrasing import quoted
from dver.core.progress import SILENT, Progress
from dver.formats.profile import Profile
from dver.gates.checked_content import recorded_paths
from dver.gates.kept_results import ReplacedResult, replace_kept
from dver.models.training_data import training_data
from dver.pipelines.workspace.pipelines import pipelines_of_workspace
from dver.profile_cache.data_content import content_at
from dver.profile_cache.profiles import profile_of
from dver.profiles.tables import require_libraries
from dver.repo import Repository
from dver.tracking.browse import tracked_at
from dver.tracking.targets import SUFFIX, TrackedData, is_at_or_below, resolve_data_path, tracked_below


@dataclass(frozen=True, slots=True, repr=False)
class CheckedPaths(Displayed):
    """The results of all suites for the chosen data."""

    checked: tuple[CheckedData, ...]
    rev: str | None = None
    replaced: tuple[ReplacedResult, ...] = ()
    """Results that were kept, from this clone or another one, and differed: those found now are kept instead."""

    @property
    def passed(self) -> bool:
        """Did no critical check fail?"""
        return not any(one.critical for one in self.checked)


def check_data(
    repo: Repository,
    paths: Sequence[str] = (),
    *,
    cwd: Path,
    rev: str | None = None,
    rows: int = 0,
    progress: Progress = SILENT,
) -> CheckedPaths:
    """Check the data at `paths`, by default all data with rules, of the workspace or of `rev`.

    The rules are those of the workspace, also with `rev`. Up to `rows` failing rows of each rule are read. Kept
    results are not used; those that differ are replaced. Raises UsageError if there are no rules, PipelineError for
    mistakes in them, NoProfileError for missing data, and MissingObjectError for a listing that a pattern needs.
    """
    tracked = tracked_at(repo, rev)
    wanted = {one: _data_path(repo, tracked, one, cwd) for one in paths}
    found_suites = _suites(repo, tracked, list(wanted.values()) or None, rev)
    suites = sorted(found_suites, key=lambda one: (one.path, one.source))
    without = [one for one, path in wanted.items() if not any(_concerns(suite.path, [path]) for suite in suites)]
    if without or not suites:
        _require_data(repo, tracked, {one: wanted[one] for one in without}, cwd, rev)
        raise _no_rules(without, rev)

    require_libraries()

    def reference(model: str, path: bytes) -> Profile:
        """The profile of what a model was trained on."""
        data = training_data(repo, model, preferred=os.fsdecode(path))
        top = repo.git.worktree
        return profile_of(repo, str(top / data.path), cwd=top, rev=str(data.commit), progress=progress).profile

    checked: list[CheckedData] = []
    replaced: list[ReplacedResult] = []
    for suite in suites:
        path = str(repo.git.worktree / os.fsdecode(suite.path))
        try:
            found = profile_of(repo, path, cwd=repo.git.worktree, rev=rev, progress=progress)
        except (UsageError, CorruptError) as error:
            checked.append(_without_data(suite, error))
            continue
        results = rule_results(repo, suite, found, references=reference, rows=rows, progress=progress)
        checked.append(checked_data(suite, os.fsdecode(suite.path), found.oid, results))
        replaced += replace_kept(repo, suite, found.entry, results)
    return CheckedPaths(tuple(checked), rev, tuple(replaced))


def _data_path(repo: Repository, tracked: Mapping[bytes, TrackedData], text: str, cwd: Path) -> bytes:
    path = resolve_data_path(repo, text, cwd)
    return path.removesuffix(SUFFIX) if path.removesuffix(SUFFIX) in tracked else path


def _suites(
    repo: Repository, tracked: Mapping[bytes, TrackedData], wanted: Sequence[bytes] | None, rev: str | None
) -> Iterator[CheckSuite]:
    """Those of files, and those of outputs of stages.

    Patterns match what is checked: with `rev`, the data of the revision; else the files of the workspace, and those of
    tracked data that is not in it.
    """
    # A directory of several data sets may have suites in it. One that is data has none.
    several = any(one not in tracked and _has_several(repo, tracked, one) for one in wanted or ())
    here = rev is None
    listed = [
        one for path, one in tracked.items() if _concerns(path, wanted) and not (here and repo.layout.exists(path))
    ]
    found = suites_for(
        repo, None if several else wanted, recorded=partial(recorded_paths, repo, listed, rev=rev), in_workspace=here
    )
    yield from (one for one in found if _concerns(one.path, wanted))
    for folder, file in pipelines_of_workspace(repo).items():
        if isinstance(file, DverError):
            if wanted is None:
                raise file
            continue
        for name, stage in file.stages.items():
            for out in stage.outs:
                if out.checks is None:
                    continue
                path = os.path.normpath(os.path.join(os.fsencode(folder), os.fsencode(out.path)))
                if _concerns(path, wanted):
                    shown = repo.layout.shown(os.fsencode(os.path.join(folder, "dver.yaml")))
                    yield output_suite(out.checks, path, f"{shown}:{name}", os.fsencode(folder))


def _has_several(repo: Repository, tracked: Mapping[bytes, TrackedData], path: bytes) -> bool:
    return os.path.isdir(repo.layout.absolute(path)) or bool(tracked_below(tracked, path))


def _concerns(path: bytes, wanted: Sequence[bytes] | None) -> bool:
    """Is `path` at, above or below one of the paths?"""
    return wanted is None or any(is_at_or_below(path, of) or is_at_or_below(of, path) for of in wanted)


def _without_data(suite: CheckSuite, error: DverError) -> CheckedData:
    result = RuleResult("data", RuleOutcome.ERROR, Severity.CRITICAL, "data to check", error_text(error))
    return CheckedData(os.fsdecode(suite.path), None, suite.source, (result,))


def _require_data(
    repo: Repository, tracked: Mapping[bytes, TrackedData], paths: Mapping[str, bytes], cwd: Path, rev: str | None
) -> None:
    """Raises UsageError for a path without data, such as a misspelled one."""
    for text, path in paths.items():
        is_here = rev is None and repo.layout.exists(path)
        if not is_here and not tracked_below(tracked, path):
            content_at(repo, text, cwd, rev=rev)


def _no_rules(paths: Sequence[str], rev: str | None) -> UsageError:
    shown = " ".join(map(quoted, paths))
    fix = f"`dver checks init {shown or 'PATH'}` proposes rules from the data"
    if rev is not None:
        listing = f"dver ls -R --rev {quoted(rev)} {shown}".rstrip()
        fix = f"`{listing}` lists the data; add rules for its paths to a {FILE_NAME}"
    return UsageError(
        "no checks" + (f" for {shown}" if paths else "") + (f" at {rev}" if rev is not None else ""),
        why=f"no {FILE_NAME} and no output of a dver.yaml has rules for it",
        fix=fix,
    )
