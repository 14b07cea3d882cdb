"""Gathering plots: which there are on each side, their data and pictures, and the templates they are drawn with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from dver.core.errors import DverError, UsageError
from dver.core.files import read_regular
from dver.pipelines import FILE_NAME
from dver.pipelines.compare.compared_versions import ReadProblem, Side
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.chart import Series, build_chart, series_of
from dver.pipelines.plots.definition import PlotDefinition, is_image, plot_definitions, plot_of_file, with_style
from dver.pipelines.plots.page import Image, ImagePlot, RenderedPlot, VegaPlot
from dver.pipelines.plots.points import DATA, Row, parse_points
from dver.pipelines.plots.templates import DEFAULT, built_in, fill_template, parse_template
from dver.repo import PROJECT_DIR, Repository
from dver.tracking.targets import data_path, is_at_or_below

_FOLDER: Final = "plots"
_T = TypeVar("_T")
_P = ParamSpec("_P")
_Key = tuple[str, int]
"""The name of a plot, and which of those of this name it is."""


@dataclass(frozen=True, slots=True)
class ComparedPlots:
    """All plots, and what could not be read for them."""

    plots: tuple[RenderedPlot, ...]
    problems: tuple[ReadProblem, ...]
    revs: tuple[str, ...]


@dataclass(slots=True)
class PlotReader:
    """Gathers the plots of some sides."""

    repo: Repository
    cwd: Path
    style: PlotStyle
    """What the user wants otherwise than `dver.yaml` has it."""
    problems: list[ReadProblem] = field(default_factory=list)

    def gather(self, sides: Sequence[Side], targets: Sequence[str]) -> ComparedPlots:
        """The plots that `targets` mean, all where there are none. Raises UsageError for a path outside."""
        found: dict[_Key, list[tuple[Side, PlotDefinition]]] = {}
        for side in reversed(sides):  # the newest one says how a plot is drawn, and in which order they come
            for key, definition in self._keyed(side, targets):
                found.setdefault(key, []).insert(0, (side, definition))
        made = [self._tried(named[-1][0], key[0], self._plot, named) for key, named in found.items()]
        plots = tuple(one for one in made if one is not None)
        return ComparedPlots(plots, tuple(self.problems), tuple(side.name for side in sides))

    def _keyed(self, side: Side, targets: Sequence[str]) -> Iterator[tuple[_Key, PlotDefinition]]:
        seen: dict[str, int] = {}
        wanted = self._wanted(side, targets)
        by_itself = {one.place for one in wanted}
        for definition in wanted:
            for one in self._expanded(side, definition):
                if one.place != definition.place and one.place in by_itself:
                    continue  # of a directory, but named by itself, too, which says more of it
                at = seen[one.name] = seen.get(one.name, -1) + 1
                yield (one.name, at), with_style(one, self.style)

    def _wanted(self, side: Side, targets: Sequence[str]) -> list[PlotDefinition]:
        known: list[PlotDefinition] = []
        for folder, file in side.pipelines.items():
            try:
                if isinstance(file, DverError):
                    raise file
                known += plot_definitions(folder, file)
            except DverError as error:
                self.problems.append(ReadProblem(side.name, os.path.join(folder, FILE_NAME), error))
        if not targets:
            return known
        return [one for text in dict.fromkeys(targets) for one in self._meant(known, text)]

    def _meant(self, known: Sequence[PlotDefinition], text: str) -> list[PlotDefinition]:
        """What a target means: an id, a file, or what is below a folder; a file that nothing names, too."""
        by_name = [one for one in known if one.place is None and self._shown(one) == text]
        if by_name:
            return by_name
        place = os.fsdecode(data_path(self.repo, text, self.cwd))
        below = [one for one in known if one.place and is_at_or_below(os.fsencode(one.place), os.fsencode(place))]
        if below:
            return below
        around = [one for one in known if one.place and is_at_or_below(os.fsencode(place), os.fsencode(one.place))]
        return [around[0].at(place) if around else plot_of_file(place)]

    def _expanded(self, side: Side, definition: PlotDefinition) -> Sequence[PlotDefinition]:
        """The plots of the files of a directory, or the one of a file."""
        if definition.place is None:
            return [definition]
        try:
            below = side.below(definition.place)
        except DverError as error:
            self.problems.append(ReadProblem(side.name, definition.place, error))
            return []
        if below is None:
            return [definition]
        return [definition.at(one) for one in below if is_image(one) or os.path.splitext(one)[1].lower() in DATA]

    def _plot(self, named: Sequence[tuple[Side, PlotDefinition]]) -> RenderedPlot | None:
        definition = named[-1][1]
        shown = self._shown(definition)
        if definition.place is not None and is_image(definition.place):
            return self._pictures([side for side, _ in named], definition.place, shown)
        lines: list[Series] = []
        for side, _ in named:
            found = self._tried(side, shown, self._lines, side, definition)
            lines += found or ()
        if not lines:
            return None
        template = self._template(definition.style.template or DEFAULT)
        return VegaPlot(shown, fill_template(template, build_chart(definition, lines, shown)))

    def _pictures(self, sides: Sequence[Side], place: str, shown: str) -> ImagePlot | None:
        contents = [(side.name, self._tried(side, shown, side.read, place)) for side in sides]
        name = os.path.basename(place)
        found = tuple(Image(rev, name, content) for rev, content in contents if content is not None)
        return ImagePlot(shown, found) if found else None

    def _lines(self, side: Side, definition: PlotDefinition) -> list[Series]:
        places = dict.fromkeys(one.place for one in (*definition.ys, *definition.xs))
        files: dict[str, Sequence[Row]] = {}
        for place in places:
            rows = self._tried(side, place, self._rows, side, definition, place)
            if rows is not None:
                files[place] = rows
        if any(one.place not in files for one in definition.xs):
            return []
        return series_of(definition, side.name, files)

    def _rows(self, side: Side, definition: PlotDefinition, place: str) -> list[Row]:
        name = self.repo.layout.shown(os.fsencode(place))
        return parse_points(side.read(place), name, header=definition.style.header)

    def _template(self, name: str) -> Mapping[str, Any]:
        """The user's own template of this name, or the one that comes with dver."""
        file = name if name.endswith(".json") else f"{name}.json"
        path = self.repo.root / PROJECT_DIR / _FOLDER / file
        if os.path.basename(file) == file and path.is_file():
            return parse_template(read_regular(path), f"{PROJECT_DIR}/{_FOLDER}/{file}")
        return built_in(name)

    def _tried(self, side: Side, shown: str, make: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T | None:
        """What `make` makes; None, with one problem more, if it cannot."""
        try:
            return make(*args, **named)
        except DverError as error:
            self.problems.append(ReadProblem(side.name, shown, error))
            return None

    def _shown(self, definition: PlotDefinition) -> str:
        if definition.place is not None:
            return self.repo.layout.shown(os.fsencode(definition.place))
        prefix = os.fsdecode(self.repo.layout.prefix)
        return definition.name.removeprefix(prefix + "/") if prefix else definition.name


def only_chart(plots: ComparedPlots) -> VegaPlot:
    """The one chart that there is. Raises UsageError where there are none or several."""
    charts = [one for one in plots.plots if isinstance(one, VegaPlot)]
    if len(charts) != 1:
        raise UsageError(f"expected one plot, found {len(charts)}", fix="name one of them")
    return charts[0]
