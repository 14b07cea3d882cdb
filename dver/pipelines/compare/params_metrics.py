"""Parameters and metrics: which files contain them on each side, and their values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dver.core.display import Displayed, html_table
from dver.core.errors import DverError, UsageError
from dver.pipelines import FILE_NAME
from dver.pipelines.compare.compared_versions import (
    FileMissingError,
    NamedSide,
    ReadProblem,
    Side,
    for_each_pipeline,
    open_sides,
)
from dver.pipelines.compare.values import ValueChange, compare
from dver.pipelines.definition.param_files import flatten, parse_metrics, parse_values, select_keys
from dver.pipelines.definition.stage import PARAMS_FILE, OutputRole, PipelineFile, Stage
from dver.pipelines.engine.graph import Address, without_outside_paths, worktree_path
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.targets import is_at_or_below, resolve_data_path


@dataclass(frozen=True, slots=True, repr=False)
class SideValues(Displayed):
    """The values of one side: by file, as the user would type its name, and by dotted key."""

    side: str
    files: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, repr=False)
class ValueTable(Displayed):
    """The parameters or metrics of several sides, and the files that could not be read."""

    sides: tuple[SideValues, ...]
    problems: tuple[ReadProblem, ...]

    def _repr_html_(self) -> str:
        found = [(file, key) for side in self.sides for file, values in side.files.items() for key in values]
        columns = ("file", "key", *(one.side for one in self.sides))
        rows = [(*key, *(one.files.get(key[0], {}).get(key[1]) for one in self.sides)) for key in dict.fromkeys(found)]
        return html_table("", columns, rows) + problems_html(self.problems)


def problems_html(problems: Sequence[ReadProblem]) -> str:
    """A table of files that could not be read, for notebooks."""
    rows = [(one.side, one.path, one.error) for one in problems]
    return html_table("problems", ("side", "path", "error"), rows) if rows else ""


@dataclass(slots=True)
class WantedValues:
    """The values to read on a side: keys by path, or None for whole files."""

    keys: dict[str, set[str] | None] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    """Paths that may be missing."""
    parse: Callable[[bytes, str], dict[str, Any]] = parse_values

    def add(self, path: str, keys: Iterable[str] = ()) -> None:
        """Add the values at `keys`, or the whole file."""
        more, known = set(keys), self.keys.get(path, set())
        self.keys[path] = known | more if more and known is not None else None


WantedOf = Callable[[Side, list[ReadProblem]], WantedValues]
"""Finds the wanted files and keys of a side, and adds to the problems."""


def read_table(
    repo: Repository, wanted_of: WantedOf, sides: Sequence[NamedSide], targets: Sequence[str], cwd: Path
) -> ValueTable:
    """Read the values that `wanted_of` and `targets` select on each side. Raises UsageError for a target outside of
    the project."""
    (table,) = read_tables(repo, [wanted_of], sides, targets, cwd)
    return table


def read_tables(
    repo: Repository, wanted: Sequence[WantedOf], sides: Sequence[NamedSide], targets: Sequence[str], cwd: Path
) -> list[ValueTable]:
    """The same for each of `wanted`, such as parameters and metrics. The pipelines of a side are read once."""
    tables = []
    with open_sides(repo, sides) as opened:
        for wanted_of in wanted:
            problems: list[ReadProblem] = []
            chosen = ((side, _narrowed(repo, wanted_of(side, problems), targets, cwd)) for side in opened)
            values = tuple(read_values(repo.layout, side, one, problems) for side, one in chosen)
            tables.append(ValueTable(values, tuple(problems)))
    return tables


def params_of(side: Side, problems: list[ReadProblem], *, only_stages: bool = False) -> WantedValues:
    """The parameters of stages and, unless `only_stages`, of the files at the top level of each `dver.yaml` and of each
    `params.yaml` beside it."""

    def add_of(folder: str, file: PipelineFile) -> None:
        for stage in _stages(folder, file):
            for one in stage.params:
                wanted.add(worktree_path(folder, one.file, one.mark), one.keys)
        if not only_stages:
            for path in file.params:
                wanted.add(_top_path(folder, path))
            beside = _top_path(folder, PARAMS_FILE)
            if beside not in wanted.keys:
                wanted.optional.add(beside)
            wanted.add(beside)

    wanted = WantedValues()
    for_each_pipeline(side, problems, add_of)
    return wanted


def metrics_of(side: Side, problems: list[ReadProblem]) -> WantedValues:
    """The metrics of stages and of the top level of each `dver.yaml`."""

    def add_of(folder: str, file: PipelineFile) -> None:
        for stage in _stages(folder, file):
            for out in stage.outs:
                if out.role is OutputRole.METRICS:
                    wanted.add(worktree_path(folder, out.path, out.mark))
        for path in file.metrics:
            wanted.add(_top_path(folder, path))

    wanted = WantedValues(parse=parse_metrics)
    for_each_pipeline(side, problems, add_of)
    return wanted


def _narrowed(repo: Repository, wanted: WantedValues, targets: Sequence[str], cwd: Path) -> WantedValues:
    """The wanted values within `targets`: whole files, and wanted files in directories. Other files can be targets,
    too. Without targets, all of them. Raises UsageError."""
    if not targets:
        return wanted
    paths = [os.fsdecode(resolve_data_path(repo, text, cwd)) for text in targets]
    narrowed = WantedValues(optional=wanted.optional.difference(paths), parse=wanted.parse)
    for path in paths:
        inside = [one for one in wanted.keys if is_at_or_below(os.fsencode(one), os.fsencode(path)) and one != path]
        for one in inside or [path]:
            narrowed.add(one)
    return narrowed


def read_values(layout: Layout, side: Side, wanted: WantedValues, problems: list[ReadProblem]) -> SideValues:
    """The values of one side. Files that cannot be read are added to the `problems`."""
    found: dict[str, Mapping[str, Any]] = {}
    for path, keys in wanted.keys.items():
        shown = layout.shown(os.fsencode(path))
        try:
            below = side.below(path)
            for file in [path] if below is None else below:
                name = layout.shown(os.fsencode(file))
                values = wanted.parse(side.read(file), name)
                found[name] = flatten(values if keys is None else dict(select_keys(values, sorted(keys))))
        except FileMissingError as error:
            if path not in wanted.optional:
                problems.append(ReadProblem(side.name, shown, error))
        except DverError as error:
            problems.append(ReadProblem(side.name, shown, error))
    return SideValues(side.name, found)


def compare_sides(old: SideValues, new: SideValues) -> dict[str, tuple[ValueChange, ...]]:
    """All values of two sides by file, also those that are equal."""
    names = dict.fromkeys((*new.files, *old.files))
    return {name: compare(old.files.get(name), new.files.get(name)) for name in names}


def _stages(folder: str, file: PipelineFile) -> Iterator[Stage]:
    """The stages of a file without paths outside of the repository."""
    return (without_outside_paths(Address(folder, name), stage) for name, stage in file.stages.items())


def _top_path(folder: str, path: str) -> str:
    found = os.path.normpath(os.path.join(folder, path))
    if found.split("/")[0] == "..":
        raise UsageError(f"{path!r} in {os.path.join(folder, FILE_NAME)!r} is outside of the repository")
    return found
