"""A checkout of a project that dver keeps, and its twin, in which Git itself holds the data."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from support import Result, git, run_dver

Files = dict[str, tuple[bytes, bool]]
"""By path: content, and whether it is executable."""

_OF_THE_PROJECT = {".git", ".gitignore", ".gitattributes", ".dver", ".dverignore", "README"}
_MARKS = {
    "merge": ["MERGE_HEAD"],
    "cherry-pick": ["CHERRY_PICK_HEAD"],
    "revert": ["REVERT_HEAD"],
    "rebase": ["rebase-merge", "rebase-apply"],
}


@dataclass
class Checkout:
    """A worktree of a project, and its twin's."""

    real: Path
    twin: Path
    log: list[str]
    """What was done so far, by command; shared by all."""
    adds_itself: bool = False
    """Is `hooks.pre_commit` set to `add`?"""
    fetches: bool = True
    """Is `hooks.fetch` set? If not, data is there after a `dver pull` that the hook asked for."""
    strategy: str = "ort"
    """How Git merges in the real one. Before Git 2.50, the default, `ort`, looks for renames whatever the settings; the
    older `recursive`, which the twin uses, does not."""
    unsaved: Files = field(default_factory=dict)
    """Changes that nobody has added: only the real one has them, and they have to stay, whatever Git does."""
    said: str = ""
    """What Git and its hooks have said in the real one since the last look."""

    @property
    def worktrees(self) -> tuple[Path, Path]:
        """Both."""
        return self.real, self.twin

    def git(self, *args: str) -> bool:
        """Do it in both. Returns whether it succeeded, in which they must agree."""
        return self._both(args, args)

    def merging(self, verb: str, *args: str) -> bool:
        """A merge, a rebase and so on in both: see `git`."""
        strategies = self.strategy, "recursive"
        real, twin = ((verb, f"--strategy={strategy}", *args) for strategy in strategies)
        return self._both(real, twin)

    def _both(self, real: tuple[str, ...], twin: tuple[str, ...]) -> bool:
        self.log.append(f"    {self.real.name}$ git {' '.join(real)}")
        args, ended = real, [run_git(real, self.real), run_git(twin, self.twin)]
        self.said += os.fsdecode(ended[0].stderr)
        codes = [one.returncode for one in ended]
        shown = "\n--\n".join(os.fsdecode(one.stdout + one.stderr) for one in ended)
        assert (codes[0] == 0) == (codes[1] == 0), f"git {args} ended with {codes}\n{shown}"
        assert "Traceback" not in shown, shown
        return codes[0] == 0

    def dver(self, *args: str, rc: int | None = 0) -> Result:
        """Do it in the real one."""
        self.log.append(f"    {self.real.name}$ dver {' '.join(args)}")
        return run_dver(*args, cwd=self.real, rc=rc)

    def says(self, *args: str) -> str:
        """What Git prints in the twin."""
        return git(*args, cwd=self.twin).strip()

    def has(self, revision: str) -> bool:
        """Is there such a commit?"""
        return run_git(("rev-parse", "-q", "--verify", f"{revision}^{{commit}}"), self.twin).returncode == 0

    def branch(self) -> str:
        """The branch that is checked out; nothing if none is."""
        return self.says("branch", "--show-current")

    def unmerged(self) -> bool:
        """Is a conflict to be resolved?"""
        found = [bool(git("ls-files", "-u", cwd=cwd)) for cwd in self.worktrees]
        assert found[0] == found[1], f"in conflict: {found}"
        return found[0]

    def under_way(self, verb: str) -> bool:
        """Has a merge, a rebase and so on begun that has not ended?"""
        dirs = [Path(git("rev-parse", "--absolute-git-dir", cwd=cwd).strip()) for cwd in self.worktrees]
        found = [any((folder / name).exists() for name in _MARKS[verb]) for folder in dirs]
        assert found[0] == found[1], f"{verb} is under way in one of them only: {found}"
        return found[0]

    def write(self, path: str, content: bytes) -> None:
        """Write a file in both; it stays executable if it is."""
        for top in self.worktrees:
            write(top / path, content)

    def check(self) -> None:
        """Both hold the same files, byte for byte, but for what is unsaved."""
        wanted = files(self.twin) | self.unsaved
        if not self.fetches and files(self.real) != wanted:
            assert "dver pull" in self.said, (
                f"{_different(files(self.real), wanted)}, and nobody says why:\n{self.said}"
            )
            self.dver("pull", rc=None if self.unsaved else 0)
        different = _different(files(self.real), wanted)
        assert different == [], f"{different} in {self.real}\n{self.said}"
        self.said = ""

    def same_status(self) -> None:
        """Git finds changes in both, or in none."""
        found = [git("status", "--porcelain", cwd=cwd) for cwd in self.worktrees]
        assert bool(found[0]) == bool(found[1]), f"changed, in one of them only: {found}"


def _different(real: Files, wanted: Files) -> list[str]:
    return sorted(path for path in real.keys() | wanted.keys() if real.get(path) != wanted.get(path))


def run_git(args: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run Git, however it ends."""
    return subprocess.run(["git", *args], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=240)


def files(top: Path) -> Files:
    """All files in the worktree `top`, without those that only the real one has."""
    found = {}
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in _OF_THE_PROJECT]
        for name in names:
            if name not in _OF_THE_PROJECT and not name.endswith(".dver"):
                file = Path(folder, name)
                executable = bool(file.stat().st_mode & stat.S_IXUSR)
                found[os.fspath(file.relative_to(top))] = file.read_bytes(), executable
    return found


def write(file: Path, content: bytes) -> None:
    """Write a new file in the place of an old one; it stays executable if that was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    mode = file.stat().st_mode if file.exists() else None
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    if mode is not None:
        file.chmod(mode)
