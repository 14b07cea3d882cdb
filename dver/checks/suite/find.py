"""Finds the suites for data: `dver.checks.yaml` in the directories above it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

from dver.checks.result import Severity
from dver.checks.suite.parse import PatternRules, parse_rules, parse_suite
from dver.checks.suite.path_patterns import PathPattern
from dver.checks.suite.rules import FILE_NAME, CheckSuite, with_implied_rules
from dver.core.files import read_regular
from dver.git.index import files_named
from dver.pipelines.definition.stage import is_pattern
from dver.pipelines.definition.yaml_tree import Node, error_at
from dver.repo import Repository
from dver.tracking.targets import SUFFIX, is_at_or_below

_NAME: Final = os.fsencode(FILE_NAME)

ListPaths: TypeAlias = Callable[[Callable[[bytes], bool]], Iterable[bytes]]
"""Lists the files and directories of data. It is called with a function that says whether to list what a directory has,
so that the listings of other directories need not be here."""


def suites_for(
    repo: Repository,
    paths: Iterable[bytes] | None = None,
    *,
    known: Iterable[bytes] = (),
    recorded: ListPaths | None = None,
    in_workspace: bool = True,
) -> tuple[CheckSuite, ...]:
    """The suites for data at, above or below `paths` (relative to the Git worktree), sorted by path and source.

    Without paths, all suites of the project. A pattern is matched with the paths that `recorded` lists, and, if
    `in_workspace`, with `paths`, `known` ones and the files of the workspace. Costs a `stat` for each directory above a
    path if there is no suite. Raises PipelineError for mistakes, and the errors of `recorded`.
    """
    wanted = list(paths) if paths is not None else None
    files = suite_files(repo) if wanted is None else _files_above(repo, wanted)
    candidates = {*known, *(wanted or ())} if files and in_workspace else None
    found = [suite for file in files for suite in _suites_of(repo, file, wanted, candidates, recorded)]
    return tuple(sorted(found, key=lambda one: (one.path, one.source)))


def suite_files(repo: Repository) -> list[bytes]:
    """All `dver.checks.yaml` of the project that Git tracks or does not ignore."""
    return sorted(one for one in files_named(repo.git, _NAME, under=repo.layout.prefix) if repo.layout.exists(one))


def output_suite(checks: Node, path: bytes, source: str, directory: bytes = b"") -> CheckSuite:
    """The suite of an output: `checks` is its node in dver.yaml, `source` the shown name of the stage, and `directory`
    that of the dver.yaml. Raises PipelineError."""
    return CheckSuite(path, source, with_implied_rules(parse_rules(checks, Severity.CRITICAL)), directory)


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
    repo: Repository,
    file: bytes,
    wanted: Sequence[bytes] | None,
    candidates: Set[bytes] | None,
    recorded: ListPaths | None,
) -> Iterator[CheckSuite]:
    """`candidates` are None if no pattern is to be matched with the workspace."""
    directory = os.path.dirname(file)
    source = repo.layout.shown(file)
    rules: dict[bytes, list[PatternRules]] = {}
    for one in parse_suite(read_regular(repo.layout.absolute(file)), source):
        matching: set[bytes] = set()
        if not is_pattern(one.pattern):
            matching.add(_literal(directory, one))
        else:
            matching.update(_workspace_matches(repo, directory, one, candidates) if candidates is not None else ())
            matching.update(_recorded_matches(directory, one, recorded) if recorded is not None else ())
        for path in sorted(matching):
            if wanted is None or any(is_at_or_below(path, of) or is_at_or_below(of, path) for of in wanted):
                rules.setdefault(path, []).append(one)
    for path, found in rules.items():
        every = [rule for one in found for rule in one.rules]
        yield CheckSuite(path, source, with_implied_rules(every), directory)


def _workspace_matches(
    repo: Repository, directory: bytes, rules: PatternRules, candidates: Set[bytes]
) -> Iterable[bytes]:
    """The paths of the workspace, and of the `candidates`, that the pattern of `rules` names."""
    if repo.layout.exists(_literal(directory, rules)):
        return [_literal(directory, rules)]
    pattern = _Pattern(directory, _path_pattern(rules))
    fixed = os.path.join(directory, *_literal_parts(rules.pattern))
    return [path for path in {*candidates, *_below(repo, fixed)} if pattern.matches(path)]


def _recorded_matches(directory: bytes, rules: PatternRules, recorded: ListPaths) -> Iterable[bytes]:
    """The paths among the `recorded` ones that the pattern of `rules` names."""
    literal = _literal(directory, rules)
    pattern = _Pattern(directory, _path_pattern(rules))
    found = set(recorded(lambda path: is_at_or_below(literal, path) or pattern.may_match_below(path)))
    return [literal] if literal in found else [path for path in found if pattern.matches(path)]


def _literal(directory: bytes, rules: PatternRules) -> bytes:
    """The path that the pattern of `rules` is, without wildcards."""
    return os.path.join(directory, os.fsencode(rules.pattern))


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern of paths below the directory of a suite."""

    directory: bytes
    pattern: PathPattern

    def matches(self, path: bytes) -> bool:
        inside = self._inside(path)
        return inside is not None and self.pattern.matches(inside)

    def may_match_below(self, path: bytes) -> bool:
        inside = self._inside(path)
        return is_at_or_below(self.directory, path) if inside is None else self.pattern.may_match_below(inside)

    def _inside(self, path: bytes) -> str | None:
        """`path` relative to the directory; None if it is not below it."""
        if not self.directory:
            return os.fsdecode(path)
        return os.fsdecode(path[len(self.directory) + 1 :]) if path.startswith(self.directory + b"/") else None


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


def _path_pattern(rules: PatternRules) -> PathPattern:
    try:
        return PathPattern(rules.pattern)
    except ValueError as error:
        raise error_at(
            rules.mark, f"{rules.pattern!r} is not a valid pattern: {error}", fix="correct the characters in `[…]`"
        ) from error
