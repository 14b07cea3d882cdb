"""The section of changed plots, as pictures if they can be drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from dver.core.errors import DverError
from dver.pipelines.compare.compared_versions import NamedSide, open_sides
from dver.pipelines.compare.plots import ComparedPlots, PlotReader
from dver.pipelines.definition.stage import DEFAULT_STYLE
from dver.pipelines.plots.page import RenderedPlot, VegaPlot
from dver.pipelines.plots.vega import to_png
from dver.reports.blocks.model import Block, Code, Inline, ItemList, Picture
from dver.reports.pull_request.model import SectionBody
from dver.reports.pull_request.subject import ReportSubject
from dver.reports.pull_request.unread_files import UnreadFiles, unread_files
from dver.reports.pull_request.wording import error_note, part_of, problem_notes
from dver.reports.thumbnails import png_thumbnail

DRAWN_MAX: Final = 20
"""The most plots that are drawn."""
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")


def plots_section(subject: ReportSubject) -> SectionBody:
    """The plots whose data differs between the versions."""
    old, new = (_plots(subject, [(rev, commit)]) for rev, commit in subject.sides)
    unread = unread_files(subject, (*old.problems, *new.problems))
    notes = problem_notes(unread.problems)
    changed = _changed(old, new, unread) if not unread.has_pipeline else []
    if not changed:
        return SectionBody(notes=notes)
    names = sorted({*_contents(old), *_contents(new)})
    blocks: list[Block] = []
    if subject.draw:
        both = _plots(subject, [(subject.old.name, subject.old.commit), (subject.new.name, subject.new.commit)])
        drawn, errors = _pictures([one for one in both.plots if one.name in changed])
        blocks += drawn
        notes = (*notes, *errors)
    if not blocks:
        items = tuple((Code(name),) for name in changed)
        blocks.append(ItemList(items, len(items), more=subject.command("plots diff")))
    return SectionBody(
        (f"{part_of(len(changed), len(names), 'plot')} changed.",), tuple(blocks), notes, {"changed": changed}
    )


def _plots(subject: ReportSubject, sides: Sequence[NamedSide]) -> ComparedPlots:
    with open_sides(subject.repo, sides) as opened:
        return PlotReader(subject.repo, subject.repo.root, DEFAULT_STYLE).gather(opened, ())


def _contents(plots: ComparedPlots) -> dict[str, list[object]]:
    """What each plot shows, without the name of the version."""
    found: dict[str, list[object]] = {}
    (rev,) = plots.revs
    for one in plots.plots:
        content: object = (
            _without(one.spec, rev) if isinstance(one, VegaPlot) else [each.content for each in one.pictures]
        )
        found.setdefault(one.name, []).append(content)
    return found


def _without(spec: object, rev: str) -> object:
    """The specification of a chart without the name of the version, which is in each row."""
    match spec:
        case dict():
            return {key: _without(one, rev) for key, one in spec.items()}
        case list():
            return [_without(one, rev) for one in spec]
    return None if spec == rev else spec


def _changed(old: ComparedPlots, new: ComparedPlots, unread: UnreadFiles) -> list[str]:
    """The names of the plots that differ. A plot that is unreadable on one side is unknown, neither new nor removed."""
    before, after = _contents(old), _contents(new)
    names = dict.fromkeys((*after, *before))
    differing = [name for name in names if before.get(name) != after.get(name)]
    return [name for name in differing if (name in before and name in after) or not _is_unread(unread, name)]


def _is_unread(unread: UnreadFiles, name: str) -> bool:
    """Whether a plot may be missing only because a file could not be read. A plot with an id may have any files."""
    return unread.has(name) or (bool(unread.paths) and not os.path.splitext(name)[1])


def _pictures(plots: Sequence[RenderedPlot]) -> tuple[list[Picture], list[Inline]]:
    """The plots as PNG images, and notes about those that cannot be drawn."""
    pictures: list[Picture] = []
    notes: list[Inline] = []
    taken: set[str] = set()
    for one in plots[:DRAWN_MAX]:
        try:
            for caption, stem, content in _drawn(one):
                if isinstance(content, bytes):
                    pictures.append(Picture(_file_name(stem, taken), caption, content))
                else:
                    notes.append((Code(caption), f": {content}"))
        except DverError as error:
            notes.append(error_note(error))
    left = len(plots) - DRAWN_MAX
    if left > 0:
        notes.append((f"{left:,} more changed plots are not drawn",))
    return pictures, list(dict.fromkeys(notes))


def _drawn(plot: RenderedPlot) -> Iterator[tuple[str, str, bytes | str]]:
    """Caption, file name without suffix, and content of each picture; for an image that is not shown, the reason."""
    stem = os.path.splitext(plot.name)[0]
    if isinstance(plot, VegaPlot):
        yield plot.name, stem, to_png(plot.spec, plot.name)
        return
    for one in plot.pictures:
        yield f"{plot.name} ({one.rev})", f"{stem}-{one.rev}", png_thumbnail(one.name, one.content)


def _file_name(stem: str, taken: set[str]) -> str:
    """A free name of a file for a picture."""
    stem = _UNFIT.sub("-", stem).strip("-")[:50] or "plot"
    number, free = 1, f"{stem}.png"
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}.png"
    taken.add(free.lower())
    return free
