"""Two git processes, one reading the output of the other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from dver.git.git_repo import Arg, GitRepo, environment, failure, run


@contextmanager
def piped(git: GitRepo, first: Sequence[Arg], second: Sequence[Arg]) -> Iterator[IO[bytes]]:
    """The output of `git FIRST | git SECOND`, to be read to its end while both run.

    Raises RepositoryError with git's own reason at the end of the block if one of them failed.
    """
    with _started(git, first, None) as source, _started(git, second, source.stdout) as reader:
        assert source.stdout is not None
        assert reader.stdout is not None
        source.stdout.close()  # otherwise `first` would go on when `second` has ended
        yield reader.stdout
        failed = source.wait() != 0 or reader.wait() != 0
    if failed:
        run(git, second, stdin=run(git, first))
        raise failure(second, b"")  # it was a transient failure


@contextmanager
def _started(git: GitRepo, args: Sequence[Arg], stdin: IO[bytes] | None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["git", *args],
        cwd=git.worktree,
        env=environment(git),
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
