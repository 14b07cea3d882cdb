"""Writing many commits with one git process (`git fast-import`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dver.git.git_repo import CommitId, GitRepo, run

_REF: Final = "refs/dver/fast-import"
"""The ref that fast-import asks for. It exists in its memory only, since the stream ends by deleting it."""
_DIGITS: Final = {"sha1": 40, "sha256": 64}


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit with the tree of its parent, in which one directory is replaced."""

    parent: CommitId
    message: str
    time: int
    """Seconds since 1970."""
    directory: str
    files: Mapping[str, bytes]
    """The content of the directory by relative path. Paths have no parts that Git refuses, and no line breaks."""


def write_commits(git: GitRepo, commits: Sequence[NewCommit], *, name: str, email: str) -> list[CommitId]:
    """Write commits by the user `name`, without a ref and without a signature, and return their ids."""
    who = f"{_without_marks(name)} <{_without_marks(email)}>"
    stream = [line for mark, one in enumerate(commits, 1) for line in _commands(mark, one, who)]
    end = f"reset {_REF}\nfrom {'0' * _DIGITS[git.object_format]}\n\ndone\n"
    written = run(git, ["fast-import", "--quiet", "--done"], stdin=b"".join(stream) + end.encode())
    return [CommitId(line) for line in written.decode().split()]


def _commands(mark: int, commit: NewCommit, who: str) -> list[bytes]:
    head = f"commit {_REF}\nmark :{mark}\ncommitter {who} {max(0, commit.time)} +0000\n"
    return [
        head.encode("utf-8", "replace"),
        _data(commit.message.encode("utf-8", "replace")),
        f"from {commit.parent}\nD {commit.directory}\n".encode(),
        *(
            part
            for path, content in commit.files.items()
            for part in (
                f"M 100644 inline {commit.directory}/{path}\n".encode("utf-8", "surrogateescape"),
                _data(content),
            )
        ),
        f"\nget-mark :{mark}\n".encode(),
    ]


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _without_marks(text: str) -> str:
    return "".join(one for one in text if one.isprintable() and one not in "<>").strip()
