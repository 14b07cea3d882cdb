"""`dver plots show` and `dver plots diff`: plots of revisions and the workspace, as a page or as pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dver.core.display import Displayed
from dver.core.errors import PipelineError, UsageError
from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.core.own_directory import make_own_directory
from dver.pipelines.compare.compared_versions import open_sides, resolve_sides, sides_in_scope
from dver.pipelines.compare.plots import ComparedPlots, PlotReader
from dver.pipelines.definition.stage import PlotStyle
from dver.pipelines.plots.page import MARK, RenderedPlot, VegaPlot, render_page
from dver.pipelines.plots.vega import javascript, to_png
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.tracking.revision_scope import RevisionScope

DIRECTORY: Final = "dver_plots"
"""The default directory for plots."""

_INDEX: Final = "index.html"
_UNFIT: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, repr=False)
class WrittenPlots(Displayed):
    """Files that were written, and errors of plots that were not."""

    paths: tuple[Path, ...]
    errors: tuple[PipelineError, ...] = ()


def plots_show(
    repo: Repository, targets: Sequence[str], *, cwd: Path, revs: Sequence[str], scope: RevisionScope, style: PlotStyle
) -> ComparedPlots:
    """The plots at `revs` and at the commits of `scope`; without any, those of the workspace.

    Raises UsageError for an unknown revision. Files that cannot be read are in the result.
    """
    with open_sides(repo, sides_in_scope(repo.git, revs, scope)) as sides:
        return PlotReader(repo, cwd, style).gather(sides, targets)


def plots_diff(
    repo: Repository, targets: Sequence[str], *, cwd: Path, old: str, new: str, style: PlotStyle
) -> ComparedPlots:
    """The plots at `old` and `new`, in the same charts. Raises as `plots_show`."""
    with open_sides(repo, resolve_sides(repo.git, dict.fromkeys((old, new)))) as sides:
        return PlotReader(repo, cwd, style).gather(sides, targets)


def write_page(layout: Layout, found: ComparedPlots, to: Path) -> WrittenPlots:
    """Write the page to a file `….html` or into a directory.

    Raises ConflictError instead of overwriting other files, RepositoryError without the extra `plots`.
    """
    drawn = any(isinstance(one, VegaPlot) for one in found.plots)
    script = javascript(layout.worktree_dir) if drawn else ""
    content = render_page(found.plots, "Plots of " + ", ".join(found.revs), script)
    if to.suffix.lower() in (".html", ".htm"):
        refuse_foreign_page(to, MARK, "plots")
        to.parent.mkdir(parents=True, exist_ok=True)
        path = to
    else:
        path = make_own_directory(to, "plots") / _INDEX
    write_atomic(path, content, durable=False)
    return WrittenPlots((path,))


def write_images(found: ComparedPlots, to: Path) -> WrittenPlots:
    """Write each plot as a PNG file into the directory `to`, and images unchanged. Errors of single plots are in the
    result. Raises as `write_page`."""
    if to.suffix.lower() in (".html", ".htm"):
        raise UsageError(f"{os.fspath(to)!r} must be a directory", why="each plot becomes its own file")
    taken: set[str] = set()
    contents: dict[str, bytes] = {}
    errors: list[PipelineError] = []
    for one in found.plots:
        try:
            contents.update((_free_name(taken, stem, suffix), content) for stem, suffix, content in _files_of(one))
        except PipelineError as error:
            errors.append(error)
    folder = make_own_directory(to, "plots")
    for name, content in contents.items():
        write_atomic(folder / name, content, durable=False)
    return WrittenPlots(tuple(folder / name for name in contents), tuple(errors))


def _files_of(one: RenderedPlot) -> Iterator[tuple[str, str, bytes]]:
    """The name, suffix and content of each file of a plot."""
    if isinstance(one, VegaPlot):
        yield one.name, ".png", to_png(one.spec, one.name)
        return
    for picture in one.pictures:
        stem, suffix = os.path.splitext(one.name)
        yield f"{stem}-{picture.rev}", suffix.lower(), picture.content


def _free_name(taken: set[str], name: str, suffix: str) -> str:
    """A file name like `name` that is not taken."""
    stem = _UNFIT.sub("_", name).strip("._")[:50] or "plot"
    number, free = 1, stem + suffix
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}{suffix}"
    taken.add(free.lower())
    return free
