"""Finds the suites for data: `dver.checks.yaml` in the directories above it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dver.checks.result import Severity
from dver.checks.suite.parse import PatternRules, parse_rules, parse_suite
from dver.checks.suite.path_patterns import PathPattern
from dver.checks.suite.rules import FILE_NAME, CheckSuite
from dver.core.files import read_regular
from dver.git.index import files_named
from dver.pipelines.definition.stage import is_pattern
from dver.pipelines.definition.yaml_tree import Node, error_at
from dver.repo import Repository
from dver.tracking.targets import SUFFIX, is_at_or_below

_NAME: Final = os.fsencode(FILE_NAME)


def suites_for(
    repo: Repository, paths: Iterable[bytes] | None = None, *, known: Iterable[bytes] = ()
) -> tuple[CheckSuite, ...]:
    """The suites for data at, above or below `paths` (relative to the Git worktree), sorted by path and source.

    Without paths, all suites of the project. A pattern is matched with the files of the workspace, and with `known`
    paths. Costs a `stat` for each directory above a path if there is no suite. Raises PipelineError for mistakes.
    """
    if paths is None:
        wanted: list[bytes] | None = None
        files = suite_files(repo)
    else:
        wanted = list(paths)
        files = _files_above(repo, wanted)
    paths_known = list(known) if files else []
    found = [suite for file in files for suite in _suites_of(repo, file, wanted, paths_known)]
    return tuple(sorted(found, key=lambda one: (one.path, one.source)))


def suite_files(repo: Repository) -> list[bytes]:
    """All `dver.checks.yaml` of the project that Git tracks or does not ignore."""
    return sorted(one for one in files_named(repo.git, _NAME, under=repo.layout.prefix) if repo.layout.exists(one))


def output_suite(checks: Node, path: bytes, source: str, directory: bytes = b"") -> CheckSuite:
    """The suite of an output: `checks` is its node in dver.yaml, `source` the shown name of the stage, and `directory`
    that of the dver.yaml. Raises PipelineError."""
    return CheckSuite(path, source, parse_rules(checks, Severity.CRITICAL), directory)


def _files_above(repo: Repository, paths: Sequence[bytes]) -> list[bytes]:
    """The suite files in the directories above `paths`, without those that are data themselves."""
    top = repo.layout.prefix.rstrip(b"/")
    directories: set[bytes] = set()
    for path in paths:
        directory = os.path.dirname(path)
        while is_at_or_below(directory, top) or directory == top:
            if directory not in (top, b"") and repo.layout.exists(
                directory + SUFFIX
            ):  # tracked data: its files come from elsewhere
                directories = {one for one in directories if not is_at_or_below(one, directory)}
            else:
                directories.add(directory)
            if directory in (top, b""):
                break
            directory = os.path.dirname(directory)
    files = [os.path.join(one, _NAME) for one in sorted(directories)]
    return [one for one in files if os.path.isfile(repo.layout.absolute(one))]


def _suites_of(
    repo: Repository, file: bytes, wanted: Sequence[bytes] | None, known: Sequence[bytes]
) -> Iterator[CheckSuite]:
    directory = os.path.dirname(file)
    source = repo.layout.shown(file)
    rules: dict[bytes, list[PatternRules]] = {}
    for one in parse_suite(read_regular(repo.layout.absolute(file)), source):
        for path in _matches(repo, directory, one, [*known, *(wanted or ())]):
            if wanted is None or any(is_at_or_below(path, of) or is_at_or_below(of, path) for of in wanted):
                rules.setdefault(path, []).append(one)
    for path, found in rules.items():
        yield CheckSuite(path, source, tuple(rule for one in found for rule in one.rules), directory)


def _matches(repo: Repository, directory: bytes, rules: PatternRules, known: Sequence[bytes]) -> Iterator[bytes]:
    """The paths that the pattern of `rules` names. A path without wildcards need not exist."""
    pattern = rules.pattern
    if not is_pattern(pattern) or repo.layout.exists(os.path.join(directory, os.fsencode(pattern))):
        yield os.path.join(directory, os.fsencode(pattern))
        return
    matching = _pattern(rules)
    fixed = os.path.join(directory, *_literal_parts(pattern))
    candidates = {*known, *_below(repo, fixed)}
    for path in sorted(candidates):
        inside = path[len(directory) + 1 :] if directory else path
        if (not directory or path.startswith(directory + b"/")) and matching.matches(os.fsdecode(inside)):
            yield path


def _literal_parts(pattern: str) -> list[bytes]:
    parts: list[bytes] = []
    for part in posixpath.dirname(pattern).split("/"):
        if is_pattern(part):
            break
        if part:
            parts.append(os.fsencode(part))
    return parts


def _below(repo: Repository, directory: bytes) -> Iterator[bytes]:
    """The files and directories of the workspace below `directory`."""
    start = repo.layout.absolute(directory)
    for folder, directories, files in os.walk(start):
        directories[:] = [one for one in directories if one not in (b".git", b".dver")]
        inside = os.path.relpath(folder, start)
        base = directory if inside == b"." else os.path.join(directory, inside)
        yield from (os.path.join(base, name) for name in (*directories, *files))


def _pattern(rules: PatternRules) -> PathPattern:
    try:
        return PathPattern(rules.pattern)
    except ValueError as error:
        raise error_at(
            rules.mark, f"{rules.pattern!r} is not a valid pattern: {error}", fix="correct the characters in `[…]`"
        ) from error
