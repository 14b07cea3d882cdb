"""The graph of stages, linked by outputs that other stages depend on.

Paths are relative to the top of the Git worktree, so that stages of several `dver.yaml` files are linked.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dver.core.errors import PipelineError
from dver.pipelines import FILE_NAME
from dver.pipelines.definition.stage import Dependency, Output, Stage, is_pattern
from dver.pipelines.definition.yaml_tree import Mark, error_at


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Identifies a stage in a repository: the directory of its `dver.yaml`, empty for the top, and its name."""

    folder: str
    name: str
    cwd: str = field(default="", compare=False)
    """The current directory of the user, relative to the top of the Git worktree."""

    def __str__(self) -> str:
        """The address as the user would type it."""
        directory = posixpath.relpath(self.folder or ".", self.cwd or ".")
        return self.name if directory == "." else f"{directory}/{FILE_NAME}:{self.name}"

    @property
    def key(self) -> str:
        """The address independent of the current directory, for files."""
        return f"{self.folder}/{FILE_NAME}:{self.name}" if self.folder else self.name


@dataclass(frozen=True, slots=True)
class Graph:
    """Stages and their dependencies on each other."""

    stages: Mapping[Address, Stage]
    upstream: Mapping[Address, tuple[Address, ...]]
    """The stages whose outputs a stage depends on, in order."""
    producers: Mapping[str, Address]
    """The stage of each output path."""
    order: tuple[Address, ...]
    """All stages in topological order; otherwise in the order of the files."""

    def downstream(self) -> Mapping[Address, tuple[Address, ...]]:
        """The stages that depend on the outputs of each stage, in order."""
        found: dict[Address, list[Address]] = {one: [] for one in self.order}
        for one in self.order:
            for other in self.upstream[one]:
                found[other].append(one)
        return {one: tuple(others) for one, others in found.items()}


def worktree_path(folder: str, path: str, mark: Mark) -> str:
    """`path` relative to the top of the worktree instead of `folder`. Raises PipelineError if it is outside."""
    if "\0" in path:
        raise error_at(mark, f"{path!r} is not a path", fix="remove the NUL character")
    found = posixpath.normpath(posixpath.join(folder, path))
    if found == ".." or found.startswith("../"):
        raise error_at(
            mark, f"{path!r} is outside of the repository", fix="copy it into the repository, or use another path"
        )
    return found


def without_outside_paths(address: Address, stage: Stage, top: str | None = None) -> Stage:
    """`stage` without paths outside of the repository; it is `refused` if it had any.

    It is also refused for an absolute path in the worktree `top`: no stage would be found to make it.
    """
    refused = [
        error_at(
            one.mark,
            f"`deps`: {one.path!r} is a file of the repository",
            fix=f"write {posixpath.relpath(one.path, posixpath.join(top, address.folder, stage.wdir))!r}",
        )
        for one in stage.external
        if top is not None and one.path.startswith(top + "/")
    ]

    def is_inside(path: str, mark: Mark) -> bool:
        try:
            worktree_path(address.folder, path, mark)
        except PipelineError as error:
            refused.append(error)
            return False
        return True

    found = replace(
        stage,
        deps=tuple(one for one in stage.deps if is_inside(one.path, one.mark)),
        params=tuple(one for one in stage.params if is_inside(one.file, one.mark)),
        outs=tuple(one for one in stage.outs if is_inside(one.path, one.mark)),
    )
    return replace(found, refused=stage.refused or refused[0]) if refused else stage


def build_graph(stages: Mapping[Address, Stage]) -> Graph:
    """The graph of `stages`. Raises PipelineError for overlapping outputs and for cycles."""
    producers: dict[str, Address] = {}
    for address, stage in stages.items():
        for out in stage.outs:
            _claim(stages, producers, address, out)
    _refuse_nested(stages, producers)
    made = OutputIndex(producers)
    upstream = {address: _upstream(address, stage, made) for address, stage in stages.items()}
    return Graph(stages, upstream, producers, _sorted(stages, upstream))


def closure(start: Iterable[Address], links: Mapping[Address, Sequence[Address]]) -> set[Address]:
    """`start` and everything that `links` lead to."""
    found: set[Address] = set()
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += links[one]
    return found


def _claim(stages: Mapping[Address, Stage], producers: dict[str, Address], address: Address, out: Output) -> None:
    path = worktree_path(address.folder, out.path, out.mark)
    if path == ".":
        raise error_at(
            out.mark,
            f"the output of stage {str(address)!r} is the repository itself",
            fix="use a file or directory in it",
        )
    other = producers.setdefault(path, address)
    if other != address:
        raise error_at(
            out.mark,
            f"stages {str(other)!r} and {str(address)!r} have the same output {path!r}",
            fix=f"remove it from one of them; the other is at {stages[other].mark}",
        )


def _refuse_nested(stages: Mapping[Address, Stage], producers: Mapping[str, Address]) -> None:
    for path, address in producers.items():
        above = next((one for one in _parents(path) if one in producers), None)
        if above is not None:
            outs = {worktree_path(address.folder, one.path, one.mark): one for one in stages[address].outs}
            inner, outer = (f"{one!r} of stage {str(producers[one])!r}" for one in (path, above))
            raise error_at(
                outs[path].mark, f"output {inner} is inside output {outer}", fix="move one of them out of the other"
            )


def _parents(path: str) -> Iterator[str]:
    """The parent directories of a path, the nearest first, without the top."""
    while (path := posixpath.dirname(path)) != "":
        yield path


class OutputIndex:
    """Finds the stages that produce a path, its parents or its content."""

    def __init__(self, producers: Mapping[str, Address]) -> None:
        self._producers = producers
        self._paths = sorted(producers)

    def of(self, path: str) -> tuple[Address, ...]:
        """The stages whose outputs are, contain or are inside a path, or may match a pattern once they exist."""
        fixed = literal_directory(path) if is_pattern(path) else path
        outputs = [one for one in (fixed, *_parents(fixed)) if one in self._producers]
        if is_pattern(path):
            wanted = path.split("/")
            outputs += [one for one in self._below(fixed) if _may_match(one.split("/"), wanted)]
        else:
            outputs += self._below(fixed)
        return tuple(dict.fromkeys(self._producers[one] for one in outputs))

    def _below(self, path: str) -> Iterator[str]:
        if path in (".", ""):
            yield from self._paths
            return
        at = bisect_left(self._paths, path + "/")
        while at < len(self._paths) and self._paths[at].startswith(path + "/"):
            yield self._paths[at]
            at += 1


def literal_directory(pattern: str) -> str:
    """The directory that contains all matches of a pattern."""
    parts = pattern.split("/")
    wild = next(at for at, part in enumerate(parts) if is_pattern(part))
    return "/".join(parts[:wild])


def _may_match(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """True if the pattern can match the path, or something in it if it is a directory."""
    from fnmatch import fnmatchcase

    for name, wanted in zip(path, pattern, strict=False):
        if wanted == "**":
            return True
        if not fnmatchcase(name, wanted):
            return False
    return len(path) <= len(pattern)


def _upstream(address: Address, stage: Stage, made: OutputIndex) -> tuple[Address, ...]:
    found: dict[Address, None] = {}
    for one in (*stage.deps, *(Dependency(params.file, params.mark) for params in stage.params)):
        path = worktree_path(address.folder, one.path, one.mark)
        for other in made.of(path):
            if other == address:
                raise error_at(one.mark, f"stage {str(address)!r} depends on its own output {one.path!r}")
            found[other] = None
    return tuple(found)


def _sorted(stages: Mapping[Address, Stage], upstream: Mapping[Address, Sequence[Address]]) -> tuple[Address, ...]:
    """Topological order without recursion, because a chain can be long."""
    found: dict[Address, None] = {}
    path: dict[Address, Iterator[Address]] = {}
    for first in stages:
        if first in found:
            continue
        path[first] = iter(upstream[first])
        while path:
            one, others = next(reversed(path.items()))
            for other in others:
                if other in path:
                    raise _cycle(stages, [*path], other)
                if other not in found:
                    path[other] = iter(upstream[other])
                    break
            else:
                found[one] = None
                del path[one]
    return tuple(found)


def _cycle(stages: Mapping[Address, Stage], path: Sequence[Address], again: Address) -> PipelineError:
    cycle = [*path[path.index(again) :], again]
    return PipelineError(
        "stages form a cycle: " + " -> ".join(map(str, cycle)),
        why=f"no stage can run first; the first one is at {stages[again].mark}",
        fix="remove one of the dependencies",
    )
