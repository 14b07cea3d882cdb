"""Git's index: staging, unstaging, and tracked and ignored files. Paths are bytes, relative to the top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dver.core.batches import batched_by_size
from dver.git.file_changes import glob
from dver.git.git_repo import GitRepo, run

_ARGUMENT_BYTES: Final = 64 << 10
"""Bytes of arguments for one process, far below the limit of any system."""


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """The line by which Git ignores a path."""

    source: bytes
    """The file: relative to the top of the worktree, or absolute outside of it."""
    line: int
    """The line number, from 1."""
    pattern: bytes


def stage(git: GitRepo, paths: Iterable[bytes]) -> None:
    """`git add` the files `paths`, also outside of a sparse checkout. Raises RepositoryError with git's reason."""
    listed = b"".join(path + b"\0" for path in paths)
    if listed:
        sparse = ["--sparse"] if is_sparse(git) else []  # an option that older versions of Git do not know
        run(git, ["add", *sparse, "--pathspec-from-file=-", "--pathspec-file-nul"], stdin=listed)


def is_sparse(git: GitRepo) -> bool:
    """Whether this worktree ever had a sparse checkout."""
    return (git.git_dir / "info" / "sparse-checkout").exists()


def is_as_staged(git: GitRepo, path: bytes) -> bool:
    """Whether the file at `path` matches the index. True for a new file that Git does not ignore."""
    state = run(git, ["status", "--porcelain=v1", "-z", "--ignored", "--untracked-files=all", "--", path])[:2]
    if state:
        return state[1:] == b" "
    return bool(tracked_under(git, path)) or not ignored(git, [path])


def staged_content(git: GitRepo, path: bytes) -> bytes:
    """The content of `path` in the index; empty if it is missing or in conflict."""
    return run(git, ["cat-file", "blob", b":" + path], ok=(0, 128))


def is_left_out(git: GitRepo, path: bytes) -> bool:
    """Whether a sparse checkout leaves out the file at `path`."""
    return is_sparse(git) and run(git, ["ls-files", "-t", "-z", "--", path]).startswith(b"S ")


def remove_cached(git: GitRepo, paths: Iterable[bytes]) -> None:
    """Remove the files `paths` from the index in any state; the files on disk stay."""
    listed = b"".join(path + b"\0" for path in paths)
    if listed:
        run(git, ["update-index", "--force-remove", "-z", "--stdin"], stdin=listed)


def tracked_under(git: GitRepo, *paths: bytes) -> list[bytes]:
    """The files in the index at or below one of `paths`; an empty path is the top."""
    found: dict[bytes, None] = {}
    for batch in _argument_batches(paths):
        output = run(git, ["ls-files", "-z", "--", *batch])
        found.update(dict.fromkeys(output.split(b"\0")[:-1]))
    return list(found)


def attribute(git: GitRepo, name: str, path: bytes) -> bytes:
    """The value of the attribute `name` of `path` (gitattributes(5)), including `unspecified`, `set` and `unset`."""
    return run(git, ["check-attr", "-z", name, "--", path]).split(b"\0")[2]


def unmerged(git: GitRepo, under: bytes = b"") -> dict[bytes, dict[int, str]]:
    """The files in conflict at or below `under`: blobs by stage, 1 the base, 2 ours, 3 theirs."""
    found: dict[bytes, dict[int, str]] = {}
    for entry in run(git, ["ls-files", "-u", "-z", "--", under or b"."]).split(b"\0")[:-1]:
        fields, _, path = entry.partition(b"\t")
        _, blob, stage = fields.split()
        found.setdefault(path, {})[int(stage)] = blob.decode()
    return found


def put_unmerged(git: GitRepo, path: bytes, sides: Mapping[int, str]) -> None:
    """Restore the conflict of the file `path` between the blobs `sides`, by stage."""
    lines = [b"0 " + b"0" * len(next(iter(sides.values()))) + b"\t" + path]
    lines += [b"100644 %s %d\t%s" % (blob.encode(), stage, path) for stage, blob in sorted(sides.items())]
    run(git, ["update-index", "-z", "--index-info"], stdin=b"".join(line + b"\0" for line in lines))


def ignored(git: GitRepo, paths: Iterable[bytes]) -> dict[bytes, IgnoreRule]:
    """The `paths` that Git's ignore rules exclude, tracked or not, and the rule that decides."""
    # The prefix keeps a name that starts with a colon from being read as pathspec magic.
    listed = b"".join(b"./" + path + b"\0" for path in paths)
    if not listed:
        return {}
    args = ["check-ignore", "-z", "-v", "--no-index", "--stdin"]
    fields = run(git, args, stdin=listed, literal=False, ok=(0, 1)).split(b"\0")[:-1]
    rules = zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=True)
    return {
        path.removeprefix(b"./"): IgnoreRule(source, int(line), pattern)
        for source, line, pattern, path in rules
        if not pattern.startswith(b"!")
    }


def ignored_below(git: GitRepo, *paths: bytes) -> list[bytes]:
    """Ignored and untracked files and directories at, above or below any of `paths`.

    A directory that is ignored as a whole is listed alone.
    """
    found: dict[bytes, None] = {}
    for batch in _argument_batches(paths):
        args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", "--"]
        output = run(git, [*args, *batch])
        found.update(dict.fromkeys(path.rstrip(b"/") for path in output.split(b"\0")[:-1]))
    return list(found)


def _argument_batches(paths: Sequence[bytes]) -> Iterator[list[bytes]]:
    return batched_by_size((path or b"." for path in paths), lambda path: len(path) + 1, _ARGUMENT_BYTES)


def is_committed(git: GitRepo, path: bytes) -> bool:
    """Whether HEAD has the current content of `path`, a file or a whole directory."""
    if not run(git, ["ls-files", "-z", "--", path]):
        return False
    return not run(git, ["status", "--porcelain", "-z", "--ignored", "--untracked-files=all", "--", path])


def files_named(git: GitRepo, *names: bytes, under: bytes = b"") -> list[bytes]:
    """The files with one of `names`, in or below the directory `under`, that Git tracks or would track."""
    where = glob(under, [b"**/" + name for name in names])
    args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", *where]
    return sorted(set(run(git, args, literal=False).split(b"\0")[:-1]))
