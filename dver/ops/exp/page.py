"""`dver exp show --html`: write the page of a table of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dver.core.files import write_atomic
from dver.core.html_page import refuse_foreign_page
from dver.experiments.journal import FOLDER
from dver.experiments.table.page import MARK, render_table_page
from dver.experiments.table.table import ExperimentTable
from dver.repo import Repository

_PAGE: Final = "experiments.html"
"""The default page, in the directory of experiments in Git's directory."""


def write_experiments_page(
    repo: Repository, table: ExperimentTable, to: Path | None = None, *, parallel_coordinates: bool = False
) -> Path:
    """Write the page of `table` to the file `to`, by default in Git's directory, and return the file.

    With `parallel_coordinates`, they are open when the page is. Raises ConflictError for another file that exists.
    """
    path = repo.layout.clone_dir / FOLDER / _PAGE if to is None else to
    refuse_foreign_page(path, MARK, "experiments")
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"Experiments of {repo.root.name}"
    write_atomic(path, render_table_page(table, title, parallel_coordinates=parallel_coordinates), durable=False)
    return path
