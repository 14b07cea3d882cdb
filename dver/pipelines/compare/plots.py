"""Reads the plots of each side: definitions, data, images and templates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from dver.core.display import Displayed
from dver.core.errors import DverError, UsageError
from dver.core.files import read_regular
from dver.pipelines.compare.compared_versions import ReadProblem, Side, for_each_pipeline
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.chart import Series, build_chart, series_of
from dver.pipelines.plots.definition import PlotDefinition, is_image, plot_definitions, plot_of_file, with_style
from dver.pipelines.plots.page import Image, ImagePlot, RenderedPlot, VegaPlot
from dver.pipelines.plots.points import DATA, Row, parse_points
from dver.pipelines.plots.templates import DEFAULT, built_in, fill_template, parse_template
from dver.repo import PROJECT_DIR, Repository
from dver.tracking.targets import is_at_or_below, resolve_data_path

_FOLDER: Final = "plots"
_T = TypeVar("_T")
_P = ParamSpec("_P")
_Key = tuple[str, int]
"""The name of a plot, and its number among plots of that name."""


@dataclass(frozen=True, slots=True, repr=False)
class ComparedPlots(Displayed):
    """All plots, and files that could not be read."""

    plots: tuple[RenderedPlot, ...]
    problems: tuple[ReadProblem, ...]
    revs: tuple[str, ...]


@dataclass(slots=True)
class PlotReader:
    """Reads plots from several sides."""

    repo: Repository
    cwd: Path
    style: PlotStyle
    """Options that override the style in `dver.yaml`."""
    problems: list[ReadProblem] = field(default_factory=list)

    def gather(self, sides: Sequence[Side], targets: Sequence[str]) -> ComparedPlots:
        """The plots that `targets` select, by default all. Raises UsageError for a path outside of the repository."""
        found: dict[_Key, list[tuple[Side, PlotDefinition]]] = {}
        for side in reversed(sides):  # the last side decides the style and the order of plots
            for key, definition in self._numbered(side, targets):
                found.setdefault(key, []).insert(0, (side, definition))
        made = [self._try_read(named[-1][0], key[0], self._plot, named) for key, named in found.items()]
        plots = tuple(one for one in made if one is not None)
        return ComparedPlots(plots, tuple(self.problems), tuple(side.name for side in sides))

    def _numbered(self, side: Side, targets: Sequence[str]) -> Iterator[tuple[_Key, PlotDefinition]]:
        seen: dict[str, int] = {}
        wanted = self._selected(side, targets)
        by_itself = {one.path for one in wanted}
        for definition in wanted:
            for one in self._expanded(side, definition):
                if one.path != definition.path and one.path in by_itself:
                    continue  # listed itself, too, with a style of its own
                at = seen[one.name] = seen.get(one.name, -1) + 1
                yield (one.name, at), with_style(one, self.style)

    def _selected(self, side: Side, targets: Sequence[str]) -> list[PlotDefinition]:
        known: list[PlotDefinition] = []
        for_each_pipeline(side, self.problems, lambda folder, file: known.extend(plot_definitions(folder, file)))
        if not targets:
            return known
        return [one for text in dict.fromkeys(targets) for one in self._plots_of_target(known, text)]

    def _plots_of_target(self, known: Sequence[PlotDefinition], text: str) -> list[PlotDefinition]:
        """The plots of a target: an id, a file, or a directory. Other files can be targets, too."""
        by_name = [one for one in known if one.path is None and self._shown(one) == text]
        if by_name:
            return by_name
        path = os.fsdecode(resolve_data_path(self.repo, text, self.cwd))
        below = [one for one in known if one.path and is_at_or_below(os.fsencode(one.path), os.fsencode(path))]
        if below:
            return below
        around = [one for one in known if one.path and is_at_or_below(os.fsencode(path), os.fsencode(one.path))]
        return [around[0].at(path) if around else plot_of_file(path)]

    def _expanded(self, side: Side, definition: PlotDefinition) -> Sequence[PlotDefinition]:
        """The plots of the files in a directory, or the plot of a file."""
        if definition.path is None:
            return [definition]
        try:
            below = side.below(definition.path)
        except DverError as error:
            self.problems.append(ReadProblem(side.name, definition.path, error))
            return []
        if below is None:
            return [definition]
        return [definition.at(one) for one in below if is_image(one) or os.path.splitext(one)[1].lower() in DATA]

    def _plot(self, named: Sequence[tuple[Side, PlotDefinition]]) -> RenderedPlot | None:
        definition = named[-1][1]
        shown = self._shown(definition)
        if definition.path is not None and is_image(definition.path):
            return self._pictures([side for side, _ in named], definition.path, shown)
        lines: list[Series] = []
        for side, _ in named:
            found = self._try_read(side, shown, self._lines, side, definition)
            lines += found or ()
        if not lines:
            return None
        template = self._template(definition.style.template or DEFAULT)
        return VegaPlot(shown, fill_template(template, build_chart(definition, lines, shown)))

    def _pictures(self, sides: Sequence[Side], path: str, shown: str) -> ImagePlot | None:
        contents = [(side.name, self._try_read(side, shown, side.read, path)) for side in sides]
        name = os.path.basename(path)
        found = tuple(Image(rev, name, content) for rev, content in contents if content is not None)
        return ImagePlot(shown, found) if found else None

    def _lines(self, side: Side, definition: PlotDefinition) -> list[Series]:
        paths = dict.fromkeys(one.path for one in (*definition.ys, *definition.xs))
        files: dict[str, Sequence[Row]] = {}
        for path in paths:
            rows = self._try_read(side, path, self._rows, side, definition, path)
            if rows is not None:
                files[path] = rows
        if any(one.path not in files for one in definition.xs):
            return []
        return series_of(definition, side.name, files)

    def _rows(self, side: Side, definition: PlotDefinition, path: str) -> list[Row]:
        name = self.repo.layout.shown(os.fsencode(path))
        return parse_points(side.read(path), name, header=definition.style.header)

    def _template(self, name: str) -> Mapping[str, Any]:
        """The user's template of this name, or the built-in one."""
        file = name if name.endswith(".json") else f"{name}.json"
        path = self.repo.root / PROJECT_DIR / _FOLDER / file
        if os.path.basename(file) == file and path.is_file():
            return parse_template(read_regular(path), f"{PROJECT_DIR}/{_FOLDER}/{file}")
        return built_in(name)

    def _try_read(
        self, side: Side, shown: str, read: Callable[_P, _T], *args: _P.args, **named: _P.kwargs
    ) -> _T | None:
        """The result of `read`; None, with a problem recorded, if it fails."""
        try:
            return read(*args, **named)
        except DverError as error:
            self.problems.append(ReadProblem(side.name, shown, error))
            return None

    def _shown(self, definition: PlotDefinition) -> str:
        if definition.path is not None:
            return self.repo.layout.shown(os.fsencode(definition.path))
        prefix = os.fsdecode(self.repo.layout.prefix)
        return definition.name.removeprefix(prefix + "/") if prefix else definition.name


def only_chart(plots: ComparedPlots) -> VegaPlot:
    """The single chart. Raises UsageError if there is none or more than one."""
    charts = [one for one in plots.plots if isinstance(one, VegaPlot)]
    if len(charts) != 1:
        raise UsageError(f"expected one plot, found {len(charts)}", fix="name one of them")
    return charts[0]
