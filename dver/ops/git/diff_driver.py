"""`dver diff-driver`: changed files of a pointer for `git diff`."""

from __future__ import annotations

from dver.core.errors import ConflictError, CorruptError
from dver.formats import pointer as pointer_format
from dver.formats.pointer import Pointer
from dver.git.git_repo import GitRepo
from dver.project.git_projects import project_containing
from dver.store.trees.compare import TreeChange, compare, with_renames
from dver.tracking.targets import data_path_of


def diff_pointer(git: GitRepo, path: bytes, old: bytes | None, new: bytes | None) -> tuple[TreeChange, ...] | None:
    """The changes of a pointer's data from the content `old` to `new` of `path`; None stands for no file.

    None if both are not pointers to different data: then their text is compared. Raises MissingObjectError or
    CorruptError for a directory that cannot be read here; nothing is downloaded.
    """
    try:
        before, after = _decode(old), _decode(new)
    except (ConflictError, CorruptError):
        return None
    if before is not None and after is not None and before.same_data(after):
        return None
    data = data_path_of(path)
    left = before.entry(data) if before is not None else None
    right = after.entry(data) if after is not None else None
    with project_containing(git, path) as repo:
        return tuple(with_renames(compare(left, right, repo.store.tree, repo.store.tree, path=data)))


def _decode(content: bytes | None) -> Pointer | None:
    return None if content is None else pointer_format.decode(content)
