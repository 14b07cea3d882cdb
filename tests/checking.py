"""Projects with checks of their data, worked on in this process. Importable from every test."""

from __future__ import annotations

import os

from workspaces import Content, Project, listing

from dver.ops.track.add import AddResult, add

GOOD = b"id,age\n1,30\n2,40\n3,50\n"
BAD = b"id,age\n1,30\n2,40\n2,50\n3,60\n"
"""Fails `rows` and `unique` of SUITE."""
SUITE = """\
checks:
  people.csv:
    rows: {max: 3}
    columns:
      id: {unique: {value: true, severity: warning}}
"""


def write_suite(project: Project, text: str = SUITE, directory: str = "") -> None:
    """Write `dver.checks.yaml`, and stage it."""
    path = project.root / directory / "dver.checks.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    project.git("add", path)


def add_data(
    project: Project, *paths: str, checks: bool = True, update: bool = False, dry_run: bool = False
) -> AddResult:
    """See `dver.ops.track.add`."""
    with project.opened() as repo:
        return add(repo, paths, cwd=project.root, checks=checks, update=update, dry_run=dry_run)


def recorded_state(project: Project) -> dict[str, dict[bytes, Content]]:
    """What a refused command must leave as it was: pointers, locks, .gitignore, Git's index, the store, the data."""
    top = {
        os.fsencode(path.relative_to(project.root)): ("file", path.read_bytes())
        for path in project.root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(project.root).parts
    }
    index = project.root / ".git/index"
    return {
        "worktree": top,
        "index": {b"entries": ("file", project.git("ls-files", "--stage", "-z").encode())}
        | ({b"bytes": ("file", index.read_bytes())} if index.exists() else {}),
        "store": listing(project.store),
    }
