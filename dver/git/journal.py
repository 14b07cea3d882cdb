"""Journals: refs whose first parents are a chain of entries, to which one writer appends.

An entry is a commit. Its message carries records, its further parents keep other commits, and its tree has small files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dver.core.batches import batched
from dver.core.errors import ConflictError, CorruptError, RepositoryError
from dver.git.git_repo import CommitId, GitRepo, describe_objects, run

_IDENTITY: Final = {"NAME": "dver", "EMAIL": "dver@localhost"}
"""The author of entries where Git knows no user."""
_MOVED: Final = ("but expected", "is at ", "reference already exists")
"""What git says if the ref is not where the caller expects it."""
_REF_PATIENCE: Final = 10_000
"""Milliseconds."""
_BATCH: Final = 2000
"""Entries that are read with one git process."""


class JournalMovedError(ConflictError):
    """Another process appended to the journal meanwhile."""


def journal_tips(git: GitRepo, prefix: str) -> dict[str, CommitId]:
    """The last entry of each journal below `prefix`, a ref such as `refs/dver/experiments`; by ref."""
    listed = run(git, ["for-each-ref", "--format=%(objectname) %(refname)", prefix])
    pairs = (line.split(" ", 1) for line in os.fsdecode(listed).splitlines())
    return {ref: CommitId(commit) for commit, ref in pairs}


def move_ref(git: GitRepo, ref: str, commit: CommitId, *, before: CommitId | None) -> None:
    """Point `ref` to `commit`. `before` is the expected present commit, None for a new ref.

    Raises JournalMovedError if it is at another commit.
    """
    zero = "0" * len(commit)
    try:
        # A `git gc` at the same time locks the ref for a moment.
        run(git, ["-c", f"core.filesRefLockTimeout={_REF_PATIENCE}", "update-ref", ref, commit, before or zero])
    except RepositoryError as error:
        if error.why and any(said in error.why for said in _MOVED):
            raise JournalMovedError(
                f"{ref} was changed by another process", fix="run the same command again"
            ) from error
        raise


def write_commit(git: GitRepo, tree: str, message: bytes, *, parents: Sequence[str]) -> CommitId:
    """Write a commit, without a signature and without a ref, as the user, or as `dver` where Git knows no user."""
    args = ["commit-tree", "--no-gpg-sign", tree, *(word for one in dict.fromkeys(parents) for word in ("-p", one))]
    try:
        made = run(git, args, stdin=message)
    except RepositoryError:
        # Git knows no user, as in a container.
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _IDENTITY.items()}
        made = run(git, args, stdin=message, env=env)
    return CommitId(made.decode().strip())


def write_blobs(git: GitRepo, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Write `contents` as blobs, and return their ids by the same keys."""
    return {
        key: run(git, ["hash-object", "-w", "--stdin"], stdin=content).decode().strip()
        for key, content in contents.items()
    }


def write_tree_of_blobs(git: GitRepo, blobs: Mapping[str, str]) -> str:
    """Write a tree with existing `blobs` by name, and return its id."""
    lines = [f"100644 blob {blob}\t{name}\0" for name, blob in sorted(blobs.items())]
    return run(git, ["mktree", "-z"], stdin=os.fsencode("".join(lines))).decode().strip()


def read_entries(
    git: GitRepo, tip: CommitId, *, largest: int, since: CommitId | None = None
) -> Iterator[tuple[CommitId, bytes]]:
    """The entries of a journal up to `tip`, after the entry `since`, with their messages; the oldest first.

    Raises CorruptError before an entry of more than `largest` bytes.
    """
    last = [f"^{since}"] if since else []
    listed = run(git, ["rev-list", "--first-parent", "--reverse", tip, *last]).decode().split()
    if not listed:
        return
    for batch in batched(listed, _BATCH):
        _refuse_large(git, batch, largest)
        content = run(git, ["cat-file", "--batch", "--buffer"], stdin="".join(f"{one}\n" for one in batch).encode())
        for entry, commit in zip(batch, _answers(content), strict=True):
            yield CommitId(entry), commit.partition(b"\n\n")[2]


def _refuse_large(git: GitRepo, entries: Sequence[str], largest: int) -> None:
    for entry, size in zip(entries, describe_objects(git, entries, "%(objectsize)"), strict=True):
        if not size.isdecimal() or int(size) > largest:
            raise CorruptError(f"the journal entry {entry[:12]} cannot be read", why=f"{size} bytes", fix="git fsck")


def _answers(content: bytes) -> Iterator[bytes]:
    """The objects in the output of `git cat-file --batch`."""
    at = 0
    while at < len(content):
        end = content.index(b"\n", at)
        size = content[at:end].rsplit(b" ", 1)[1]
        if not size.isdigit():
            raise RepositoryError("git cannot read a journal", why=os.fsdecode(content[at:end]), fix="git fsck")
        yield content[end + 1 : (at := end + 1 + int(size))]
        at += 1  # a line break follows


def kept_commits(git: GitRepo, tip: CommitId) -> frozenset[CommitId]:
    """The commits that the entries of a journal up to `tip` keep, other than the entries themselves."""
    lines = run(git, ["rev-list", "--first-parent", "--parents", tip, "--"]).decode().splitlines()
    return frozenset(CommitId(one) for line in lines for one in line.split()[2:])


def read_entry_file(git: GitRepo, entry: CommitId, name: str) -> bytes | None:
    """The content of a file of an entry; None if it does not exist."""
    found = run(git, ["ls-tree", "-z", entry, "--", name]).split(b"\t", 1)[0].split()
    return run(git, ["cat-file", "blob", found[2].decode()]) if found else None
