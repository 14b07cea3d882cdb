"""Two clones and hundreds of random steps, beside the same steps where Git itself holds the data.

So the model of what each checkout must contain is Git: each project has a twin whose data is committed as it is, and
every step is taken in both. They must succeed or fail alike, and afterwards hold the same files. Renames are switched
off in the twin, whose guesses about them are not dver's, and all data is binary, so that files merge whole.
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from support import Run, git, make_git_repo, run_dver

STEPS = int(os.environ.get("DVER_GIT_STEPS", "60"))
SEEDS = int(os.environ.get("DVER_GIT_SEEDS", "2"))
DATA = ("data", "model.bin")
Side = Literal["ours", "theirs"]


@dataclass
class Checkout:
    """A worktree of a project, and its twin's."""

    real: Path
    twin: Path
    adds_itself: bool = False
    """Is `hooks.pre_commit` set to `add`?"""

    @property
    def worktrees(self) -> tuple[Path, Path]:
        """Both."""
        return self.real, self.twin

    def git(self, *args: str) -> bool:
        """Do it in both. Returns whether it succeeded, in which they must agree."""
        ended = [_git(args, cwd) for cwd in self.worktrees]
        codes = [one.returncode for one in ended]
        assert (codes[0] == 0) == (codes[1] == 0), f"git {args} ended with {codes}\n{_shown(ended)}"
        return codes[0] == 0

    def says(self, *args: str) -> str:
        """What it prints in the twin."""
        return git(*args, cwd=self.twin).strip()

    def has(self, revision: str) -> bool:
        """Is there such a commit?"""
        return _git(("rev-parse", "-q", "--verify", f"{revision}^{{commit}}"), self.twin).returncode == 0

    def branch(self) -> str:
        """The branch that is checked out; nothing if none is."""
        return self.says("branch", "--show-current")

    def unmerged(self) -> bool:
        """Is a conflict to be resolved?"""
        found = [bool(git("ls-files", "-u", cwd=cwd)) for cwd in self.worktrees]
        assert found[0] == found[1]
        return found[0]

    def check(self, step: str) -> None:
        """Both hold the same files, byte for byte."""
        real, twin = (_files(cwd) for cwd in self.worktrees)
        different = sorted(path for path in real.keys() | twin.keys() if real.get(path) != twin.get(path))
        assert different == [], f"after {step}: {different} in {self.real}"


def _git(args: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *args], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=240)


def _shown(ended: list[subprocess.CompletedProcess[bytes]]) -> str:
    return "\n--\n".join(os.fsdecode(one.stdout + one.stderr) for one in ended)


def _files(top: Path) -> dict[str, tuple[bytes, bool]]:
    found = {}
    for place in (*DATA, "code"):
        path = top / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file():
                executable = bool(file.stat().st_mode & stat.S_IXUSR)
                found[os.fspath(file.relative_to(top))] = file.read_bytes(), executable
    return found


@dataclass
class World:
    """All checkouts, and what is done to them."""

    folder: Path
    checkouts: list[Checkout]
    chance: random.Random
    made: int = 0
    log: list[str] = field(default_factory=list)

    def step(self) -> None:
        """One step of a random checkout; then all are looked at."""
        checkout = self.chance.choice(self.checkouts)
        name = self.chance.choice(sorted(_STEPS))
        self.log.append(f"{checkout.real.name}: {name}")
        _STEPS[name](self, checkout)
        for one in self.checkouts:
            one.check(self.log[-1])

    # -- work

    def edit(self, checkout: Checkout) -> None:
        """Change, add and delete some files of the data, and add some code."""
        here = sorted(path for path in _files(checkout.twin) if path.startswith("data/") and path != "data/keep")
        for _ in range(self.chance.randrange(1, 5)):
            self._edit_one(checkout, here)
        if self.chance.random() < 0.3:
            self._write(checkout, "model.bin", self._content(3_000))
        if self.chance.random() < 0.4:
            self._write(checkout, f"code/{self._number()}.py", self._content(10))

    def _edit_one(self, checkout: Checkout, here: list[str]) -> None:
        what = self.chance.choice(("new", "new", "change", "change", "delete", "mode"))
        if what == "new" or not here:
            folder = self.chance.choice(("data", "data/a", "data/b b", "data/ä/deep"))
            self._write(checkout, f"{folder}/{self._number()}", self._content(100))
            return
        path = self.chance.choice(here)
        for top in checkout.worktrees:
            file = top / path
            if what == "delete":
                file.unlink(missing_ok=True)
            elif what == "mode" and file.exists():
                file.chmod(file.stat().st_mode ^ 0o111)
        if what == "change":
            self._write(checkout, path, self._content(100))

    def _write(self, checkout: Checkout, path: str, content: bytes) -> None:
        for top in checkout.worktrees:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            mode = (top / path).stat().st_mode if (top / path).exists() else None
            (top / path).unlink(missing_ok=True)
            (top / path).write_bytes(content)
            if mode is not None:
                (top / path).chmod(mode)

    def _number(self) -> int:
        self.made += 1
        return self.made

    def _content(self, size: int) -> bytes:
        return b"\0" + self.chance.randbytes(self.chance.randrange(1, size))

    def stage(self, checkout: Checkout) -> None:
        """Add everything to the index."""
        if not checkout.adds_itself:
            run_dver("add", *DATA, cwd=checkout.real)
        checkout.git("add", "-A")

    def commit(self, checkout: Checkout, *args: str) -> None:
        """Edit and commit."""
        self.edit(checkout)
        self.stage(checkout)
        # Git asks whether there is anything to commit before it asks its hooks.
        empty = ["--allow-empty"] if checkout.adds_itself else []
        checkout.git("commit", "-q", "-m", f"Commit {self._number()}", *empty, *args)

    # -- history

    def new_branch(self, checkout: Checkout) -> None:
        """Begin a branch here."""
        assert checkout.git("checkout", "-q", "-b", f"branch{self._number()}")

    def switch(self, checkout: Checkout) -> None:
        """Check out another branch, or a commit without one; Git refuses what another worktree has."""
        if self.chance.random() < 0.2 and checkout.has("HEAD~3"):
            checkout.git("checkout", "-q", "--detach", "HEAD~2")
        else:
            checkout.git("checkout", "-q", self._branch(checkout))

    def merge(self, checkout: Checkout) -> None:
        """Merge another branch."""
        checkout.git("merge", "-q", "-m", f"Merge {self._number()}", self._branch(checkout, remote=True))
        self._finish(checkout, "merge")

    def rebase(self, checkout: Checkout) -> None:
        """Rebase on another branch."""
        self._rebase_on(checkout, self._branch(checkout, remote=True))

    def _rebase_on(self, checkout: Checkout, branch: str) -> None:
        # Git takes commits for the same that differ in modes only, and pointers do not differ like that.
        checkout.git("rebase", "-q", "--reapply-cherry-picks", branch)
        self._finish(checkout, "rebase")

    def cherry_pick(self, checkout: Checkout) -> None:
        """Take over a commit from another branch."""
        self._apply(checkout, "cherry-pick", f"{self._branch(checkout)}~{self.chance.randrange(3)}")

    def revert(self, checkout: Checkout) -> None:
        """Take back a commit."""
        self._apply(checkout, "revert", f"HEAD~{self.chance.randrange(3)}", "--no-edit")

    def _apply(self, checkout: Checkout, verb: str, commit: str, *args: str) -> None:
        # No merges: which side is meant would have to be said; and not the first commit, which sets the project up.
        if checkout.has(f"{commit}~2") and not checkout.has(f"{commit}^2"):
            checkout.git(verb, *args, commit)
            self._finish(checkout, verb)

    def amend(self, checkout: Checkout) -> None:
        """Change the last commit."""
        if checkout.has("HEAD~2") and not checkout.has("HEAD^2"):
            self.commit(checkout, "--amend")

    def reset(self, checkout: Checkout) -> None:
        """Drop the last commit."""
        if checkout.has("HEAD~2"):
            assert checkout.git("reset", "-q", "--hard", "HEAD~1")

    def stash(self, checkout: Checkout) -> None:
        """Put work aside, and take it up again, perhaps elsewhere."""
        self.edit(checkout)
        run_dver("add", *DATA, cwd=checkout.real)
        checkout.git("add", "-A")
        if not checkout.git("diff", "--cached", "--quiet"):
            assert checkout.git("stash", "-q")
            checkout.check("stash")
            if self.chance.random() < 0.5:
                checkout.git("checkout", "-q", self._branch(checkout))
                checkout.check("checkout after a stash")
            if not checkout.git("stash", "pop", "-q"):
                self._decide(checkout)
                checkout.git("stash", "drop", "-q")
            checkout.git("add", "-A")
            checkout.git("commit", "-q", "-m", f"Stashed {self._number()}")

    def _branch(self, checkout: Checkout, *, remote: bool = False) -> str:
        names = checkout.says("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
        if remote:
            names += checkout.says("for-each-ref", "--format=%(refname:short)", "refs/remotes").splitlines()
        return self.chance.choice(sorted(name for name in names if "HEAD" not in name and name != "origin"))

    def _finish(self, checkout: Checkout, verb: str) -> None:
        """Resolve all conflicts, and bring what is under way to its end."""
        while self._under_way(checkout, verb):
            if checkout.unmerged():
                self._decide(checkout)
                checkout.git("-c", "core.editor=true", verb, "--continue")
            else:  # nothing was left of the commit
                assert checkout.git(verb, "--skip")

    def _under_way(self, checkout: Checkout, verb: str) -> bool:
        marks = {"merge": ["MERGE_HEAD"], "cherry-pick": ["CHERRY_PICK_HEAD"], "revert": ["REVERT_HEAD"]}
        names = marks.get(verb, ["rebase-merge", "rebase-apply"])
        dirs = [Path(git("rev-parse", "--absolute-git-dir", cwd=cwd).strip()) for cwd in checkout.worktrees]
        found = [any((folder / name).exists() for name in names) for folder in dirs]
        assert found[0] == found[1], f"{verb} is under way in one of them only"
        return found[0]

    def _decide(self, checkout: Checkout) -> None:
        """The same side of every conflict, in both."""
        side: Side = self.chance.choice(("ours", "theirs"))
        for name in sorted(set(git("diff", "--name-only", "--diff-filter=U", cwd=checkout.real).splitlines())):
            done = run_dver("resolve", name.removesuffix(".dver"), f"--{side}", cwd=checkout.real, rc=None)
            if done.rc:  # what the other clone has added is not here yet
                assert done.rc == 5, done.err
                run_dver("pull", name.removesuffix(".dver"), cwd=checkout.real)
        _take_side(checkout.twin, side)
        assert not checkout.unmerged()

    # -- others

    def push(self, checkout: Checkout) -> None:
        """Push a branch; Git refuses what would lose commits, unless it is forced to."""
        if branch := checkout.branch():
            checkout.git("push", "-q", *(["--force"] if self.chance.random() < 0.2 else []), "origin", branch)

    def fetch(self, checkout: Checkout) -> None:
        """Learn of the other clone's branches."""
        assert checkout.git("fetch", "-q", "--prune")

    def pull(self, checkout: Checkout) -> None:
        """Pull the branch that is checked out, as a merge or a rebase."""
        branch = checkout.branch()
        if branch and checkout.has(f"origin/{branch}"):
            if self.chance.random() < 0.5:
                checkout.git("pull", "-q", "--no-edit", "--no-rebase", "origin", branch)
                self._finish(checkout, "merge")
            else:
                assert checkout.git("fetch", "-q")
                self._rebase_on(checkout, f"origin/{branch}")

    def worktree(self, checkout: Checkout) -> None:
        """Make another worktree, or take one away."""
        name = f"w{self._number()}"
        extra = [one for one in self.checkouts if one.real.name.startswith("w")]
        if extra and self.chance.random() < 0.6:
            gone = self.chance.choice(extra)
            self.checkouts.remove(gone)
            for top in gone.worktrees:
                git("worktree", "remove", "--force", top, cwd=top)
            return
        for place, top in zip(("real", "twin"), checkout.worktrees, strict=True):
            git("worktree", "add", "-q", "-b", name, self.folder / place / name, cwd=top)
        new = Checkout(self.folder / "real" / name, self.folder / "twin" / name, checkout.adds_itself)
        self.checkouts.append(new)


_STEPS: dict[str, Callable[[World, Checkout], None]] = {
    "commit": World.commit,
    "commit more": World.commit,
    "commit even more": World.commit,
    "branch": World.new_branch,
    "switch": World.switch,
    "switch again": World.switch,
    "merge": World.merge,
    "merge again": World.merge,
    "rebase": World.rebase,
    "cherry-pick": World.cherry_pick,
    "revert": World.revert,
    "amend": World.amend,
    "reset": World.reset,
    "stash": World.stash,
    "push": World.push,
    "push again": World.push,
    "fetch": World.fetch,
    "pull": World.pull,
    "worktree": World.worktree,
}


def _take_side(twin: Path, side: Side) -> None:
    stages: dict[str, set[str]] = {}
    for line in git("ls-files", "-u", "-z", cwd=twin).split("\0")[:-1]:
        head, _, path = line.partition("\t")
        stages.setdefault(path, set()).add(head.split()[2])
    wanted = {"ours": "2", "theirs": "3"}[side]
    for path, found in stages.items():
        if wanted in found:
            git("checkout", "-q", f"--{side}", "--", path, cwd=twin)
            git("add", "--", path, cwd=twin)
        else:
            git("rm", "-q", "--cached", "--", path, cwd=twin)
            (twin / path).unlink(missing_ok=True)


@pytest.fixture
def world(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    """Two clones of one project, set up, with their twins."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dver").write_text(f'#!/bin/sh\nexec {sys.executable} -m dver "$@"\n')
    (programs / "dver").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    first = Checkout(make_git_repo(tmp_path / "real/a"), make_git_repo(tmp_path / "twin/a"))
    world = World(tmp_path, [first], random.Random(request.param))
    _begin(run, world, first)
    second = Checkout(tmp_path / "real/b", tmp_path / "twin/b", adds_itself=True)
    for place, top in zip(("real", "twin"), second.worktrees, strict=True):
        git("clone", "-q", tmp_path / place / "hub.git", top, cwd=tmp_path)
    _configure(second)
    run("install", cwd=second.real)
    run("config", "set", "--local", "hooks.pre_commit", "add", cwd=second.real)
    run("pull", cwd=second.real)
    world.checkouts.append(second)
    return world


def _begin(run: Run, world: World, first: Checkout) -> None:
    _configure(first)
    run("init", cwd=first.real)
    run("install", cwd=first.real)
    run("remote", "add", "-d", "store", world.folder / "remote", cwd=first.real)
    run("config", "set", "hooks.fetch", "true", cwd=first.real)
    for top in first.worktrees:
        (top / "data/a").mkdir(parents=True)
        for name in ("keep", "1", "a/2"):
            (top / "data" / name).write_bytes(b"\0" + name.encode())
        (top / "model.bin").write_bytes(b"\0model")
    run("add", *DATA, cwd=first.real)
    first.git("add", "-A")
    assert first.git("commit", "-q", "-m", "Data")
    for place, top in zip(("real", "twin"), first.worktrees, strict=True):
        git("init", "-q", "--bare", world.folder / place / "hub.git", cwd=top)
        git("remote", "add", "origin", world.folder / place / "hub.git", cwd=top)
    assert first.git("push", "-q", "origin", "main")


def _configure(checkout: Checkout) -> None:
    for top in checkout.worktrees:
        git("config", "merge.renames", "false", cwd=top)
        git("config", "advice.detachedHead", "false", cwd=top)
    with (checkout.twin / ".git/info/attributes").open("a") as file:
        file.write("* binary\n")


@pytest.mark.parametrize("world", range(SEEDS), indirect=True)
def test_data_is_always_what_git_would_have_made_of_it(run: Run, world: World) -> None:
    try:
        for _ in range(STEPS):
            world.step()
    except BaseException as error:
        error.add_note("\n".join(world.log))
        raise
    run("fsck", cwd=world.checkouts[0].real)
    for checkout in world.checkouts:
        run("check", cwd=checkout.real)
