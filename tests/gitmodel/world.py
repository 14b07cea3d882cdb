"""All checkouts of one run, chance, and what every step needs: edits, staging, committing."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitmodel.checkout import Checkout, Files, files, write

FOLDERS = ("data", "data/a", "data/b b", "data/ä/deep")
LASTING = ("data/keep", "data/once/")
"""What is never changed; files in `data/once/` are only renamed, so that renames can meet anything."""
_FILE = re.compile(r"model\.bin|bin/\d+/[^/]+\.bin")
_SET = re.compile(r"sets/\d+/\d+(?=/)")


@dataclass
class World:
    """All checkouts, and chance."""

    folder: Path
    chance: random.Random
    moves: bool
    """Are pointers moved, removed and renamed? Not where Git would guess what that means: see `strategy`."""
    checkouts: list[Checkout] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    made: int = 0
    steps: int = 0

    def number(self) -> int:
        """One that was never given before."""
        self.made += 1
        return self.made

    def content(self, size: int) -> bytes:
        """Bytes that nothing else has, and that are no text."""
        return b"\0" + self.chance.randbytes(self.chance.randrange(16, 16 + size))

    def sometimes(self, share: float) -> bool:
        """True with this probability."""
        return self.chance.random() < share

    def branch(self, checkout: Checkout, *, remote: bool = False) -> str:
        """Some branch."""
        places = ["refs/heads", *(["refs/remotes"] if remote else [])]
        names = checkout.says("for-each-ref", "--format=%(refname:short)", *places).splitlines()
        return self.chance.choice(sorted(name for name in names if "HEAD" not in name and name != "origin"))

    # -- work

    def edit(self, checkout: Checkout, *, renames: bool = True) -> None:
        """Change, add, rename and delete some files of the data, and add some code."""
        here = editable(files(checkout.twin))
        # One change for certain: what Git and dver take for none differs, as with empty directories.
        checkout.write(f"{self.chance.choice(FOLDERS)}/{self.number()}", self.content(100))
        for _ in range(self.chance.randrange(4)):
            self._edit_one(checkout, here, renames=renames)
        if self.sometimes(0.3):
            checkout.write("model.bin", self.content(3_000))
        for path in tracked_files(files(checkout.twin)):
            if path.startswith("bin/") and self.sometimes(0.3):
                checkout.write(path, self.content(500))
        if self.sometimes(0.4):
            checkout.write(f"code/{self.number()}.py", self.content(10))

    def _edit_one(self, checkout: Checkout, here: list[str], *, renames: bool) -> None:
        what = self.chance.choice(("new", "new", "change", "change", "delete", "mode", "rename", "ignored"))
        if what == "rename":
            if renames:
                self._rename(checkout)
        elif what == "ignored":
            checkout.write(f"data/{self.number()}.skip", self.content(10))
        elif what == "new" or not here:
            checkout.write(f"{self.chance.choice(FOLDERS)}/{self.number()}", self.content(100))
        else:
            self._alter(checkout, self.chance.choice(here), what)

    def _alter(self, checkout: Checkout, path: str, what: str) -> None:
        if what == "change":
            checkout.write(path, self.content(100))
            return
        for top in checkout.worktrees:
            file = top / path
            if what == "delete":
                file.unlink(missing_ok=True)
                drop_empty(file.parent)
            elif file.exists():
                file.chmod(file.stat().st_mode ^ 0o111)

    def _rename(self, checkout: Checkout) -> None:
        """Rename a file that nobody ever changes; or make one."""
        here = sorted(path for path in files(checkout.twin) if path.startswith("data/once/"))
        new = f"data/once/{self.chance.choice(('', 'x/', 'x/y/'))}{self.number()}"
        if len(here) < 2:
            checkout.write(new, self.content(100))
        else:
            rename(checkout, self.chance.choice(here), new)

    def stage(self, checkout: Checkout) -> None:
        """Add everything to the index, or leave the data to the pre-commit hook."""
        if not checkout.adds_itself:
            self.add(checkout)
        checkout.git("add", "-A")

    def add(self, checkout: Checkout, *more: str) -> None:
        """`dver add` what may have changed."""
        checkout.dver("add", "data", *tracked_files(files(checkout.twin)), *more)

    def commit(self, checkout: Checkout, *args: str) -> None:
        """Commit all that was edited."""
        if checkout.adds_itself:
            # Git asks whether there is anything to commit before it asks its hooks.
            args = ("--allow-empty", *args)
            self._track_new(checkout)
        if checkout.adds_itself and self.sometimes(0.5):
            if (checkout.twin / "code").exists():
                checkout.git("add", "-A", "code")
            checkout.says("add", "-A")  # what is new in the data, `-a` takes in the real one only
            args = ("-a", *args)
        else:
            self.stage(checkout)
        checkout.git("commit", "-q", "-m", f"Commit {self.number()}", *args)

    def _track_new(self, checkout: Checkout) -> None:
        here = tracked_files(files(checkout.twin))
        if new := [path for path in here if not (checkout.real / f"{path}.dver").exists()]:
            checkout.dver("add", *new)


def editable(found: Files) -> list[str]:
    """The files of the tracked directory that may be changed."""
    return sorted(path for path in found if path.startswith("data/") and not path.startswith(LASTING) and saved(path))


def saved(path: str) -> bool:
    """Is it none of those that `.dverignore` names?"""
    return not path.endswith(".skip")


def tracked_files(found: Files) -> list[str]:
    """The files that have pointers of their own."""
    return sorted(path for path in found if _FILE.fullmatch(path))


def wholes(found: Files) -> list[str]:
    """What was tracked later on, and can be moved and removed: directories that are never changed, and files.

    Each is in a folder of its own, so that `.gitignore`, which the twin has not, changes with its pointer only.
    """
    sets = {match[0] for path in found if (match := _SET.match(path))}
    return sorted(sets | {path for path in tracked_files(found) if path.startswith("bin/")})


def rename(checkout: Checkout, old: str, new: str) -> None:
    """Rename a file in both."""
    for top in checkout.worktrees:
        (top / new).parent.mkdir(parents=True, exist_ok=True)
        (top / old).rename(top / new)
        drop_empty((top / old).parent)


def drop_empty(folder: Path) -> None:
    """Delete the folder if nothing is in it, and those around it, as Git would: dver keeps empty ones."""
    with suppress(OSError):
        folder.rmdir()
        drop_empty(folder.parent)


def write_unsaved(checkout: Checkout, path: str, content: bytes) -> None:
    """Change a file in the real one only, and remember that it has to stay so."""
    write(checkout.real / path, content)
    checkout.unsaved[path] = files(checkout.real)[path]
