"""Which plots there are: what stages make and what stands at the top of a `dver.yaml`, in one form."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dver.pipelines.definition.stage import Output, OutputRole, PipelineFile, PlotStyle
from dver.pipelines.definition.yaml_tree import Mark
from dver.pipelines.engine.graph import worktree_path

IMAGES: Final[Mapping[str, str]] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
"""Suffixes of pictures, and what browsers call what is in them."""


@dataclass(frozen=True, slots=True)
class PlotColumns:
    """Columns of the file at `place`; none means the last one."""

    place: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlotDefinition:
    """A plot. Places are relative to the top of the Git worktree."""

    name: str
    """Its id, or the place of its file or directory."""
    place: str | None
    """The file or directory that it is named after; None for an id."""
    ys: tuple[PlotColumns, ...]
    xs: tuple[PlotColumns, ...]
    """Where x comes from; none if that is the number of the row."""
    x: str | None
    """The column that x is in each file of `ys`, where `xs` says nothing."""
    style: PlotStyle
    """Labels, title, template and header."""

    def at(self, place: str) -> PlotDefinition:
        """The same for one file of the directory that this one is of."""
        ys = tuple(replace(one, place=place) for one in self.ys)
        return replace(self, name=place, place=place, ys=ys)


def plot_definitions(folder: str, file: PipelineFile) -> Iterator[PlotDefinition]:
    """The plots of the `dver.yaml` in `folder`, those of stages first. Raises PipelineError for places outside."""
    tops = [_of_top(folder, one.name, one.plot, one.mark) for one in file.plots]
    named = {one.place for one in tops}
    for stage in file.stages.values():
        for out in stage.outs:
            # What the top says of a file goes before what the stage says.
            if out.role is OutputRole.PLOTS and worktree_path(folder, out.path, out.mark) not in named:
                yield from _of_stage(folder, out)
    yield from tops


def plot_of_file(place: str, style: PlotStyle = PlotStyle()) -> PlotDefinition:  # noqa: B008 - it is frozen
    """The plot of a file, or of the files of a directory, that no `dver.yaml` names."""
    return PlotDefinition(place, place, (PlotColumns(place, _names(style.y)),), (), _column(style.x), style)


def is_image(place: str) -> bool:
    """Is it a picture, going by its name?"""
    return os.path.splitext(place)[1].lower() in IMAGES


def with_style(definition: PlotDefinition, style: PlotStyle) -> PlotDefinition:
    """The same plot, with all that `style` says instead of what was said."""
    said = {
        key: value
        for key in PlotStyle.__dataclass_fields__
        if (value := getattr(style, key)) != getattr(PlotStyle(), key)
    }
    names = _names(style.y)
    return replace(
        definition,
        ys=tuple(replace(one, names=names) for one in definition.ys) if names else definition.ys,
        x=_column(style.x) or definition.x,
        xs=() if style.x else definition.xs,
        style=replace(definition.style, **said),
    )


def _of_stage(folder: str, out: Output) -> Iterator[PlotDefinition]:
    for plot in out.plots or (PlotStyle(),):
        yield _define(folder, out.path, plot, out.mark)


def _of_top(folder: str, name: str, plot: PlotStyle, mark: Mark) -> PlotDefinition:
    return _define(folder, name, plot, mark)


def _define(folder: str, name: str, plot: PlotStyle, mark: Mark) -> PlotDefinition:
    xs: tuple[PlotColumns, ...] = ()
    if isinstance(plot.x, Mapping):
        xs = tuple(PlotColumns(worktree_path(folder, file, mark), _names(columns)) for file, columns in plot.x.items())
    if isinstance(plot.y, Mapping):
        ys = tuple(PlotColumns(worktree_path(folder, file, mark), _names(columns)) for file, columns in plot.y.items())
        shown = posixpath.join(folder, name) if folder else name
        return PlotDefinition(shown, None, ys, xs, _column(plot.x), plot)
    place = worktree_path(folder, name, mark)
    return PlotDefinition(place, place, (PlotColumns(place, _names(plot.y)),), xs, _column(plot.x), plot)


def _names(columns: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None) -> tuple[str, ...]:
    if columns is None or isinstance(columns, Mapping):
        return ()
    return (columns,) if isinstance(columns, str) else columns


def _column(x: str | Mapping[str, str | tuple[str, ...]] | None) -> str | None:
    return x if isinstance(x, str) else None
