"""The Git repository of a directory, and running git's plumbing commands in it.

The common case is found by reading a few files, because a process costs more than everything else in `dver status` of a
small repository. Unusual cases (environment variables, submodules, SHA-256) are left to git.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType

from dver.core.errors import LocalIOError, RepositoryError
from dver.core.files import DISK_REMEDIES

Arg = str | bytes

CommitId = NewType("CommitId", str)
"""The full id of a commit, as hexadecimal text."""

_LOCATING: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_OBJECT_DIRECTORY",
)
"""Environment variables that change the repository that git finds."""

_OF_ONE_REPOSITORY: Final = frozenset(
    {
        *_LOCATING,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
    }
)
"""Environment variables that hooks of one repository have, and that mislead git in another one."""

_SUPER_PREFIX: Final = "GIT_INTERNAL_SUPER_PREFIX"
"""Set in hooks of submodules by Git before 2.40. Most commands then refuse to run."""

_HARMLESS: Final = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "protocol.allow": "never"}
_PATHSPEC_MODES: Final = ("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_LITERAL_PATHSPECS")
_UNUSUAL: Final = re.compile(rb"(?i)worktree|objectformat|\bbare\b(?![ \t]*=[ \t]*false\b)")
"""Settings that give a `.git` directory a worktree other than its parent."""

_WARNING: Final = re.compile(rb"(?m)^(?:warning|error|fatal): ")
_NO_REPOSITORY_FIX: Final = "go to your project, or make it a Git repository: git init"
_BARE_FIX: Final = "go to a clone that has its files checked out"


@dataclass(frozen=True, slots=True)
class GitRepo:
    """A worktree and its Git directories. All paths are absolute, without symbolic links."""

    worktree: Path
    git_dir: Path
    """The worktree's own Git directory, with HEAD and the index."""
    common_dir: Path
    """The Git directory that all worktrees of a clone share, with objects, refs and configuration."""
    object_format: str = "sha1"
    explicit: bool = False
    """Whether the environment names the directories, so that every git process needs them."""
    foreign: bool = False
    """Whether the clone may belong to another user. Then no configured program runs, and nothing is fetched."""
    raw: bool = False
    """Whether objects are read as stored, without replacements (`git replace`) and grafts."""
    bare: bool = False
    """Whether there is no worktree. `worktree` is then the Git directory, and the environment names no other one."""


def discover(cwd: Path) -> GitRepo:
    """The repository whose worktree contains the directory `cwd`.

    Raises RepositoryError if there is none, if it is bare, and inside a `.git` directory.
    """
    if any(name in os.environ for name in _LOCATING):
        return _ask_git(cwd)
    directory = os.path.realpath(cwd)
    try:
        found = _walk_up(directory)
    except FileNotFoundError as error:
        raise _missing(cwd) from error
    if found is None:
        raise _none_at(cwd)
    worktree, git_dir = found
    common_dir = _common_dir(git_dir)
    if _UNUSUAL.search(_read(os.path.join(common_dir, "config"))):
        return _ask_git(cwd)
    return GitRepo(Path(worktree), Path(git_dir), Path(common_dir))


def version() -> tuple[int, ...]:
    """The version of git on the PATH, such as (2, 39, 5). Raises RepositoryError if there is none."""
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise _missing(Path("/")) from error
    found = re.search(rb"(\d+(?:\.\d+)*)", done.stdout)
    return tuple(map(int, found[1].split(b"."))) if found else ()


def run(
    git: GitRepo,
    args: Sequence[Arg],
    *,
    stdin: bytes = b"",
    literal: bool = True,
    ok: Container[int] = (0,),
    strict: bool = False,
    env: Mapping[str, str] | None = None,
) -> bytes:
    """The output of `git *args`, run at the top of the worktree.

    `stdin` is the input of git. With `literal`, pathspecs are plain paths; otherwise they may have magic. `ok` are the
    expected exit codes. With `strict`, a warning is a failure: git may have skipped what it cannot read. `env` are
    additional variables. Raises RepositoryError with git's own reason.
    """
    try:
        done = subprocess.run(
            ["git", *args],
            cwd=git.worktree,
            env={**environment(git, literal=literal), **(env or {})},
            input=stdin,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise _missing(git.worktree) from error
    if done.returncode not in ok or (strict and _WARNING.search(done.stderr)):
        raise failure(args, done.stderr)
    return done.stdout


def describe_objects(git: GitRepo, ids: Iterable[str], form: str) -> list[str]:
    """A line of `git cat-file --batch-check` in the format `form` for each of the objects `ids`."""
    asked = "".join(f"{one}\n" for one in ids).encode()
    args = ["cat-file", f"--batch-check={form}", "--buffer"]
    return run(git, args, stdin=asked).decode().splitlines() if asked else []


@contextmanager
def conversation(git: GitRepo, args: Sequence[Arg]) -> Iterator[subprocess.Popen[bytes]]:
    """A git process with pipes to its standard input and output. It ends with the block."""
    try:
        process = subprocess.Popen(
            ["git", *args],
            cwd=git.worktree,
            env=environment(git),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise _missing(git.worktree) from error
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def environment(git: GitRepo, *, literal: bool = True) -> Mapping[str, str]:
    """The variables of a git process: English messages, no optional locks, exact paths."""
    env = {name: value for name, value in os.environ.items() if name not in (*_PATHSPEC_MODES, _SUPER_PREFIX)}
    env.update(LC_ALL="C", GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0")
    if literal:
        env["GIT_LITERAL_PATHSPECS"] = "1"
    if git.explicit:
        # They may be relative to dver's current directory, but git runs at the top.
        env.update(GIT_DIR=str(git.git_dir), GIT_WORK_TREE=str(git.worktree), GIT_COMMON_DIR=str(git.common_dir))
    if git.bare:
        env = {name: value for name, value in env.items() if name not in _OF_ONE_REPOSITORY}
        env["GIT_DIR"] = str(git.git_dir)
    if git.raw:
        env.update(GIT_NO_REPLACE_OBJECTS="1", GIT_GRAFT_FILE=os.devnull)
    if git.foreign:
        env = {**with_settings(env, _HARMLESS), "GIT_NO_LAZY_FETCH": "1"}
    return env


def with_settings(env: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment `env` with more settings of Git. Other users of this machine cannot see them."""
    number = int(env.get("GIT_CONFIG_COUNT") or 0)
    more = {"GIT_CONFIG_COUNT": str(number + len(settings))}
    for at, (key, value) in enumerate(settings.items(), number):
        more.update({f"GIT_CONFIG_KEY_{at}": key, f"GIT_CONFIG_VALUE_{at}": value})
    return {**env, **more}


_DISK: Final = {
    text: DISK_REMEDIES[number]
    for number, texts in {
        errno.ENOSPC: ("No space left on device", "Out of diskspace"),
        errno.EROFS: ("Read-only file system",),
    }.items()
    for text in texts
}
"""Git's messages about a disk that cannot be written, with the cause and the fix."""


def failure(args: Sequence[Arg], stderr: bytes) -> RepositoryError | LocalIOError:
    """The error for a git process that failed."""
    words = [os.fsdecode(arg) for arg in args]
    while words and words[0].startswith("-"):
        words = words[2 if words[0] == "-c" else 1 :]
    verb = words[0] if words else ""
    why = _reason(stderr)
    for said, (reason, remedy) in _DISK.items():
        if said in os.fsdecode(stderr):
            return LocalIOError(f"git {verb} failed", why=reason, fix=remedy)
    return RepositoryError(f"git {verb} failed", why=why, fix=_remedy(why))


def _reason(stderr: bytes) -> str | None:
    """The most informative line of `stderr`: the first error, else the last line that is not a hint."""
    lines = [line for line in os.fsdecode(stderr).splitlines() if line.strip() and not line.startswith("hint:")]
    errors = [line for line in lines if line.startswith(("error:", "fatal:"))]
    chosen = errors[0] if errors else lines[-1] if lines else None
    return chosen and chosen.removeprefix("fatal: ").removeprefix("error: ").removeprefix("warning: ")


def _remedy(why: str | None) -> str:
    if why and "dubious ownership" in why:
        return "if you trust its owner: git config --global --add safe.directory DIRECTORY"
    if why and ".lock'" in why:
        return "wait for the other git command to end, then run the same command again"
    return "check that `git status` works, then run the same command again"


def _walk_up(directory: str) -> tuple[str, str] | None:
    """The worktree and Git directory at or above `directory`, on the same file system, as git looks for them."""
    device = os.stat(directory).st_dev
    while True:
        git_dir = _git_dir_in(directory)
        if git_dir is not None:
            return directory, git_dir
        if _is_git_dir(directory):
            raise _bare(directory)
        parent = os.path.dirname(directory)
        if parent == directory or os.stat(parent).st_dev != device:
            return None
        directory = parent


def _git_dir_in(directory: str) -> str | None:
    path = os.path.join(directory, ".git")
    if _is_git_dir(path):
        return os.path.realpath(path)
    if not os.path.isfile(path):
        return None
    return _follow(directory, path)


def _follow(directory: str, path: str) -> str:
    """The Git directory that the file `path` of a linked worktree or submodule names."""
    content = _read(path)
    target = os.fsdecode(content.removeprefix(b"gitdir:").strip(b" \r\n"))
    git_dir = os.path.realpath(os.path.join(directory, target))
    if not content.startswith(b"gitdir:") or not _is_git_dir(git_dir):
        raise RepositoryError(
            f"{path} does not lead to a Git directory",
            why=f"it names {target!r}",
            fix="if the main worktree was moved, run there: git worktree repair",
        )
    return git_dir


def _is_git_dir(path: str) -> bool:
    """Git's own test: a HEAD, and objects and refs. A linked worktree has those in its common directory."""
    if not os.path.lexists(os.path.join(path, "HEAD")):
        return False
    if os.path.isfile(os.path.join(path, "commondir")):
        return True
    return os.path.isdir(os.path.join(path, "objects")) and os.path.isdir(os.path.join(path, "refs"))


def _common_dir(git_dir: str) -> str:
    target = os.fsdecode(_read(os.path.join(git_dir, "commondir")).rstrip(b"\r\n"))
    return os.path.realpath(os.path.join(git_dir, target)) if target else git_dir


def _read(path: str) -> bytes:
    """The content of a small file; empty if it is missing."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _ask_git(cwd: Path) -> GitRepo:
    questions = ("--show-object-format", "--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel")
    env = {name: value for name, value in os.environ.items() if name != _SUPER_PREFIX} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(["git", "rev-parse", *questions], cwd=cwd, env=env, capture_output=True, check=False)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(cwd) from error
    if done.returncode:
        raise _why_git_found_none(cwd, done.stderr)
    answers = os.fsdecode(done.stdout).removesuffix("\n").split("\n")
    if len(answers) != 4:
        raise RepositoryError("the path of the Git repository has a line break", fix="rename the directory")
    git_dir, common_dir, worktree = (Path(os.path.realpath(answer)) for answer in answers[1:])
    explicit = any(name in os.environ for name in _LOCATING[:3])
    return GitRepo(worktree, git_dir, common_dir, answers[0], explicit)


def _why_git_found_none(cwd: Path, stderr: bytes) -> RepositoryError:
    why = _reason(stderr)
    if why and "work tree" in why:
        return _bare(str(cwd))
    if why and "not a git repository" in why.lower():
        return _none_at(cwd)
    return RepositoryError(f"git cannot use the repository at {cwd}", why=why, fix=_remedy(why))


def _none_at(cwd: Path) -> RepositoryError:
    return RepositoryError(
        "not in a Git repository", why=f"neither {cwd} nor a directory above it has a .git", fix=_NO_REPOSITORY_FIX
    )


def _bare(directory: str) -> RepositoryError:
    return RepositoryError(
        f"{directory} is a Git directory without a worktree", why="data is kept beside checked-out files", fix=_BARE_FIX
    )


def _missing(cwd: Path) -> RepositoryError:
    if not cwd.is_dir():
        return RepositoryError(f"no directory {str(cwd)!r}", why="it does not exist", fix="go to your project")
    return RepositoryError("git is not installed", why="there is no `git` on the PATH", fix="install Git 2.31 or later")
