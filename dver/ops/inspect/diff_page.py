"""`dver diff --html`: write the difference of two versions as a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from dver.access.content_files import content_file, scratch_directory
from dver.core.display import Displayed
from dver.core.errors import CorruptError, DverError, MissingObjectError
from dver.core.files import read_regular, write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.core.phrasing import count, human_size
from dver.formats.tree import Entry, Kind
from dver.repo import Repository
from dver.reports.difference import DifferenceReport, PicturePair, TablePair, totals_of, tree_of
from dver.reports.page import MARK, render_report
from dver.reports.thumbnails import SOURCE_MAX, Thumbnail, is_image, thumbnail_of
from dver.store.trees.compare import TreeChange
from dver.tables.difference import TableSummary
from dver.tables.engine import is_table
from dver.tables.summary import summarize_table

TABLES_SHOWN: Final = 20
"""The most changed tables that a page shows."""
PICTURES_SHOWN: Final = 200
"""The most changed images that a page shows."""
EMBEDDED_MAX: Final = 16 << 20
"""Bytes of all images on a page, before base64."""

ReadSide = Callable[[Entry, bytes], bytes]
"""Reads the content of an entry at a data path."""


@dataclass(frozen=True, slots=True, repr=False)
class WrittenReport(Displayed):
    """A page that was written. `changes` is the number of changed paths."""

    path: Path
    changes: int
    size: int


def write_diff_page(
    repo: Repository, changes: Sequence[TreeChange], to: Path, *, old: str | None, new: str | None
) -> WrittenReport:
    """Write the page of `changes`, the result of `diff` from `old` to `new`, to the file `to`.

    Images are read from the store, and those of the workspace from there. Raises ConflictError instead of overwriting
    another file.
    """
    refuse_foreign_page(to, MARK, "differences")
    pictures, notes = _pictures(changes, _store_reader(repo), _side_reader(repo, new))
    tables, table_notes = _tables(repo, changes, old or "HEAD", new)
    report = DifferenceReport(
        old or "HEAD",
        new or "the workspace",
        totals_of(changes),
        tree_of(changes),
        pictures,
        tables,
        (*notes, *table_notes),
    )
    content = render_report(report)
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(to, content, durable=False)
    return WrittenReport(to, len(changes), len(content))


def _pictures(
    changes: Sequence[TreeChange], read_old: ReadSide, read_new: ReadSide
) -> tuple[tuple[PicturePair, ...], tuple[str, ...]]:
    """The changed images, and notes about those that the page leaves out."""
    changed = [change for change in changes if is_image(os.fsdecode(change.path)) and _has_content(change)]
    pairs: list[PicturePair] = []
    size = 0
    for change in changed[:PICTURES_SHOWN]:
        if size > EMBEDDED_MAX:
            break
        pair = PicturePair(
            os.fsdecode(change.path),
            _thumbnail(change.old, change.old_path or change.path, read_old),
            _thumbnail(change.new, change.path, read_new),
        )
        size += sum(len(side.content) for side in (pair.old, pair.new) if isinstance(side, Thumbnail))
        pairs.append(pair)
    left_out = len(changed) - len(pairs)
    notes = (f"{count(left_out, 'more changed image')} not shown: a page shows a limited number.",) if left_out else ()
    return tuple(pairs), notes


def _tables(
    repo: Repository, changes: Sequence[TreeChange], old: str, new: str | None
) -> tuple[tuple[TablePair, ...], tuple[str, ...]]:
    """The changed tables, and notes about those that the page leaves out."""
    changed = [change for change in changes if is_table(os.fsdecode(change.path)) and _has_content(change)]
    if changed and find_spec("duckdb") is None:
        return (), ('Tables are not shown: `pip install "dver[data]"`.',)
    pairs: list[TablePair] = []
    notes: list[str] = []
    for change in changed[:TABLES_SHOWN]:
        shown = os.fsdecode(change.path)
        try:
            before = _summary(repo, change.old, change.old_path or change.path, old)
            pairs.append(TablePair(shown, before, _summary(repo, change.new, change.path, new)))
        except DverError as error:
            notes.append(f"{shown} is not shown as a table: {error.what}.")
    if len(changed) > TABLES_SHOWN:
        notes.append(f"{count(len(changed) - TABLES_SHOWN, 'more changed table')} not shown.")
    return tuple(pairs), tuple(notes)


def _summary(repo: Repository, entry: Entry | None, path: bytes, rev: str | None) -> TableSummary | None:
    if entry is None or entry.kind not in (Kind.FILE, Kind.EXECUTABLE):
        return None
    with scratch_directory(repo) as scratch:
        file = content_file(repo, entry, path, rev, scratch / "content")
        (scratch / "tables").mkdir()
        return summarize_table(file, os.fsdecode(os.path.basename(path)), scratch / "tables")


def _has_content(change: TreeChange) -> bool:
    """Did the content of a file change? A renamed file has the same one."""
    sides = [one for one in (change.old, change.new) if one is not None and one.kind in (Kind.FILE, Kind.EXECUTABLE)]
    return bool(sides) and len({one.oid for one in sides}) == len(sides)


def _thumbnail(entry: Entry | None, path: bytes, read: ReadSide) -> Thumbnail | str | None:
    if entry is None or entry.kind not in (Kind.FILE, Kind.EXECUTABLE):
        return None
    if entry.size > SOURCE_MAX:
        return f"not shown: {human_size(entry.size)}"
    try:
        return thumbnail_of(os.fsdecode(path), read(entry, path))
    except MissingObjectError:
        return f"not shown: not in the store, {human_size(entry.size)}"
    except (CorruptError, OSError) as error:
        return f"not shown: {error}"


def _side_reader(repo: Repository, rev: str | None) -> ReadSide:
    if rev is not None:
        return _store_reader(repo)
    return lambda entry, path: read_regular(repo.layout.absolute(path), SOURCE_MAX)


def _store_reader(repo: Repository) -> ReadSide:
    return lambda entry, path: repo.store.read(entry.oid)
