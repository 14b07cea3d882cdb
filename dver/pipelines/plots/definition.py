"""The plots of stages and of the top level of a `dver.yaml`, in one form."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dver.pipelines.definition.stage import DEFAULT_STYLE, OutputRole, PipelineFile, PlotStyle
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
"""The media types of images by suffix."""


@dataclass(frozen=True, slots=True)
class PlotColumns:
    """Columns of the file at `path`; without names, the last column."""

    path: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlotDefinition:
    """A plot. Paths are relative to the top of the Git worktree."""

    name: str
    """The id of the plot, or the path of its file or directory."""
    path: str | None
    """The file or directory; None for a plot with an id."""
    ys: tuple[PlotColumns, ...]
    xs: tuple[PlotColumns, ...]
    """The sources of x; without them, x is the row number or the column `x`."""
    x: str | None
    """The column for x in each file of `ys`, if `xs` is empty."""
    style: PlotStyle
    """The labels, title, template and header."""

    def at(self, path: str) -> PlotDefinition:
        """This plot for one file of its directory."""
        ys = tuple(replace(one, path=path) for one in self.ys)
        return replace(self, name=path, path=path, ys=ys)


def plot_definitions(folder: str, file: PipelineFile) -> Iterator[PlotDefinition]:
    """The plots of the `dver.yaml` in `folder`, those of stages first. Raises PipelineError for paths outside of the
    repository."""
    tops = [_define(folder, one.name, one.plot, one.mark) for one in file.plots]
    named = {one.path for one in tops}
    for stage in file.stages.values():
        for out in stage.outs:
            # A plot at the top level overrides that of a stage.
            if out.role is OutputRole.PLOTS and worktree_path(folder, out.path, out.mark) not in named:
                yield from (_define(folder, out.path, plot, out.mark) for plot in out.plots or (DEFAULT_STYLE,))
    yield from tops


def plot_of_file(path: str, style: PlotStyle = DEFAULT_STYLE) -> PlotDefinition:
    """The plot of a file or directory that no `dver.yaml` lists."""
    return PlotDefinition(path, path, (PlotColumns(path, _names(style.y)),), (), _column(style.x), style)


def is_image(path: str) -> bool:
    """True if the suffix is that of an image."""
    return os.path.splitext(path)[1].lower() in IMAGES


def with_style(definition: PlotDefinition, style: PlotStyle) -> PlotDefinition:
    """The plot with the options in `style` instead of its own."""
    values = {key: getattr(style, key) for key in PlotStyle.__dataclass_fields__}
    changed = {key: value for key, value in values.items() if value != getattr(DEFAULT_STYLE, key)}
    names = _names(style.y)
    return replace(
        definition,
        ys=tuple(replace(one, names=names) for one in definition.ys) if names else definition.ys,
        x=_column(style.x) or definition.x,
        xs=() if style.x else definition.xs,
        style=replace(definition.style, **changed),
    )


def _define(folder: str, name: str, plot: PlotStyle, mark: Mark) -> PlotDefinition:
    xs: tuple[PlotColumns, ...] = ()
    if isinstance(plot.x, Mapping):
        xs = tuple(PlotColumns(worktree_path(folder, file, mark), _names(columns)) for file, columns in plot.x.items())
    if isinstance(plot.y, Mapping):
        ys = tuple(PlotColumns(worktree_path(folder, file, mark), _names(columns)) for file, columns in plot.y.items())
        shown = posixpath.join(folder, name) if folder else name
        return PlotDefinition(shown, None, ys, xs, _column(plot.x), plot)
    path = worktree_path(folder, name, mark)
    return replace(plot_of_file(path, plot), xs=xs)


def _names(columns: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]] | None) -> tuple[str, ...]:
    if columns is None or isinstance(columns, Mapping):
        return ()
    return (columns,) if isinstance(columns, str) else columns


def _column(x: str | Mapping[str, str | tuple[str, ...]] | None) -> str | None:
    return x if isinstance(x, str) else None
