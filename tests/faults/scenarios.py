"""What is done while faults happen: small repositories, and the command that is tried in a copy of each."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faults.runner import dver
from workspaces import write

LARGE = 1_300_000
_MADE: dict[int, bytes] = {}


def noise(seed: int, size: int = 400) -> bytes:
    """Bytes that do not compress, the same each time."""
    if len(_MADE.get(seed, b"")) < size:
        _MADE[seed] = random.Random(seed).randbytes(max(size, 400))
    return _MADE[seed][:size]


FIRST = {
    "data/a/one": noise(1),
    "data/a/two": noise(2),
    "data/b/three": noise(3),
    "data/b/deep/er/four": noise(4),
    "data/large": noise(5, LARGE),
    "data/text": b"line\n" * 200,
}
SECOND = {
    "data/a/one": noise(11),
    "data/c/new": noise(12),
    "data/large": noise(5, LARGE)[: LARGE // 2] + b"inserted" + noise(5, LARGE)[LARGE // 2 :],
}
WORK = {"data/mine": b"never saved\n", "data/a/two": b"changed, and not saved\n", "notes.txt": b"not tracked\n"}
KEPT = {name: WORK[name] for name in ("data/mine", "data/a/two")}
NOTES = {"notes.txt": WORK["notes.txt"]}


class Case:
    """A folder with a repository `repo`, perhaps with a remote beside it."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.scratch = scratch
        self.repo = folder / "repo"
        self.remote = folder / "remote"

    def git(self, *args: str, where: str = "repo") -> None:
        """`git ARGS...`, which must succeed."""
        command = ["git", *args]
        subprocess.run(command, cwd=self.folder / where, stdin=subprocess.DEVNULL, check=True, capture_output=True)

    def dver(self, *args: str, where: str = "repo") -> None:
        """`dver ARGS...`, which must succeed."""
        ended = dver(args, self.folder / where, scratch=self.scratch)
        assert ended.rc == 0, f"dver {args} in {where}: {ended}"

    def begin(self) -> None:
        """A repository with one commit."""
        self.repo.mkdir(parents=True)
        self.git("init", "--quiet", "--template=")
        write(self.repo, {"README": b"A project.\n"})
        self.git("add", "README")
        self.git("commit", "--quiet", "-m", "Begin")

    def project(self) -> None:
        """A project with a remote, and nothing else."""
        self.begin()
        self.dver("init")
        self.dver("remote", "add", "-d", "origin", "../remote")
        self.git("commit", "--quiet", "-am", "Project")

    def first(self) -> None:
        """A project with one version of data, tagged."""
        self._once("first", self._first)

    def second(self) -> None:
        """Two versions."""
        self._once("second", self._second)

    def _once(self, name: str, make: Callable[[], None]) -> None:
        """Make a repository, or copy the one that was made for an earlier scenario."""
        template = self.scratch.parent / f"{name}-{os.getpid()}"
        if template.exists():
            subprocess.run(["cp", "-a", template, self.folder], check=True)
            self.git("update-index", "--refresh")
        else:
            make()
            subprocess.run(["cp", "-a", self.folder, template], check=True)

    def _first(self) -> None:
        self.project()
        write(self.repo, FIRST)
        os.symlink("a/one", self.repo / "data/link")
        (self.repo / "data/empty").mkdir()
        (self.repo / "data/a/two").chmod(0o755)
        self.save("v1")

    def _second(self) -> None:
        self.first()
        write(self.repo, SECOND)
        (self.repo / "data/b/three").unlink()
        self.save("v2")

    def save(self, tag: str) -> None:
        """Add the data, commit and tag."""
        self.dver("add", "data")
        self.git("commit", "--quiet", "-m", tag)
        self.git("tag", tag)

    def clone(self, name: str, tag: str = "") -> None:
        """A clone beside the repository, at `tag` if one is named."""
        self.git("clone", "--quiet", "--template=", "repo", name, where=".")
        if tag:
            self.git("checkout", "--quiet", tag, where=name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A command, where it is run, and what must not change whatever happens to it."""

    name: str
    args: tuple[str, ...]
    build: Callable[[Case], object]
    where: str = "repo"
    work: Mapping[str, bytes] = field(default_factory=dict)
    """Files below `where` that are saved nowhere: they must be left alone."""
    rc: int = 0
    """The exit code where nothing fails."""
    warns: bool = False
    """It ends with 0 whatever happens, and warns, as hooks do that must not stop Git."""
    mend: tuple[str, ...] = ()
    """What brings back files that a power cut emptied when all was done, if the command itself has no more to do."""
    sends: bool = False
    """A clone `fresh` must be able to pull all that the remote has been promised."""


def _new(case: Case) -> None:
    case.first()
    write(case.repo, {"more/x": noise(21), "more/sub/y": noise(22), "more/sub/z": noise(23)})
    write(case.repo, WORK)


def _changed(case: Case) -> None:
    case.first()
    write(case.repo, {"other": b"kept elsewhere"})
    case.dver("add", "other")
    write(case.repo, {**SECOND, "other": b"changed, and not added"})


def _big(case: Case) -> None:
    case.first()
    write(case.repo, {"models/net.bin": noise(31, 3_000_000)})


def _big_hardlink(case: Case) -> None:
    case.first()
    case.dver("config", "set", "cache.link", "hardlink")
    write(case.repo, {"models/net.bin": noise(31, LARGE)})


def _linked(case: Case) -> None:
    _big_hardlink(case)
    case.dver("add", "models/net.bin")


def _switched(case: Case) -> None:
    case.second()
    write(case.repo, {"data/mine": WORK["data/mine"], "data/a/two": WORK["data/a/two"]})
    case.git("checkout", "--quiet", "v1")


def _empty(case: Case) -> None:
    case.second()
    shutil.rmtree(case.repo / "data")


def _forced(case: Case) -> None:
    case.second()
    write(case.repo, {"data/a/one": b"to be thrown away", "notes.txt": WORK["notes.txt"]})


def _pushed_once(case: Case) -> None:
    case.first()
    case.dver("push")
    write(case.repo, SECOND)
    case.save("v2")
    write(case.repo, WORK)
    case.clone("fresh")


def _never_pushed(case: Case) -> None:
    case.second()
    case.clone("fresh")


def _pushed(case: Case) -> None:
    case.second()
    case.dver("push", "--all-commits")
    case.clone("clone")


def _behind(case: Case) -> None:
    case.second()
    case.dver("push", "--all-commits")
    case.clone("clone", "v1")
    case.dver("pull", where="clone")
    case.git("checkout", "--quiet", "v2", where="clone")
    write(case.folder / "clone", {"data/mine": WORK["data/mine"], "data/a/two": WORK["data/a/two"]})


def _littered(case: Case) -> None:
    """A store with what no commit needs, in packs of its own and beside what is needed."""
    case.second()
    write(case.repo, {"data/a/one": noise(41), "data/never": noise(42, LARGE)})
    case.dver("add", "data")
    case.git("checkout", "--quiet", "HEAD", "--", "data.dver")
    case.dver("checkout", "--force")
    (case.repo / "data/never").unlink(missing_ok=True)
    write(case.repo, NOTES)


def _trashed(case: Case) -> None:
    _littered(case)
    case.dver("gc")


def _littered_remote(case: Case) -> None:
    """A remote with data of a branch that is gone."""
    case.second()
    case.dver("push")
    case.git("checkout", "--quiet", "-b", "gone")
    write(case.repo, {"data/a/one": noise(51), "data/gone": noise(52, LARGE)})
    case.save("v3")
    case.dver("push")
    case.git("checkout", "--quiet", "main")
    case.git("branch", "-D", "gone")
    case.git("tag", "-d", "v3")
    case.git("reflog", "expire", "--expire=all", "--all")
    case.dver("checkout")
    case.clone("fresh")


def _condemned(case: Case) -> None:
    """The same, of which a first gc has condemned what is not needed."""
    _littered_remote(case)
    case.dver("gc", "--remote", "origin", "--grace", "0d")


def _diverged(case: Case) -> None:
    """Two branches of which each has changed other files, and both one."""
    case.first()
    case.git("branch", "other")
    write(case.repo, {"data/a/one": noise(61), "data/ours": noise(62)})
    case.save("ours")
    case.git("checkout", "--quiet", "other")
    write(case.repo, {"data/a/one": noise(63), "data/theirs": noise(64)})
    (case.repo / "data/b/three").unlink()
    case.save("theirs")
    case.git("checkout", "--quiet", "main")
    case.dver("checkout")
    write(case.repo, NOTES)


def _in_conflict(case: Case) -> None:
    _diverged(case)
    subprocess.run(["git", "merge", "other"], cwd=case.repo, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _in_driver(case: Case) -> None:
    """What Git puts in place before it calls the driver, with nothing in conflict."""
    case.first()
    for name in ("base", "ours", "theirs"):
        if name != "base":
            write(case.repo, {f"data/{name}": name.encode()})
            case.dver("add", "data")
        shutil.copy(case.repo / "data.dver", case.repo / f".merge_{name}")
        case.git("checkout", "--quiet", "v1", "--", "data.dver")
        case.dver("checkout", "--force")
    write(case.repo, NOTES)


def _moved_back(case: Case) -> None:
    case.second()
    write(case.repo, KEPT)
    case.git("-c", "core.hooksPath=/dev/null", "checkout", "--quiet", "v1")


def _edited(case: Case) -> None:
    case.first()
    write(case.repo, WORK)


def _damaged(case: Case) -> None:
    """A store with a flipped bit in a frame, of which the workspace has the content."""
    case.first()
    (file,) = (case.repo / ".git/dver/store/packs").iterdir()
    content = file.read_bytes()
    at = content.index(noise(1))
    file.chmod(0o644)
    file.write_bytes(content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :])
    file.chmod(0o444)


SCENARIOS = (
    Scenario("init", ("init",), Case.begin),
    Scenario("remote add", ("remote", "add", "backup", "../backup"), Case.first),
    Scenario("add new", ("add", "more"), _new, work=WORK),
    Scenario("add changed", ("add", "data"), _changed, work={"other": b"changed, and not added"}),
    Scenario("add a part", ("add", "data/c/new"), _changed, work={"data/a/one": SECOND["data/a/one"]}),
    Scenario("add large", ("add", "models/net.bin"), _big),
    Scenario("add hardlinked", ("add", "models/net.bin"), _big_hardlink),
    Scenario("unlock", ("unlock", "models/net.bin"), _linked),
    Scenario("checkout", ("checkout",), _switched, work=KEPT, rc=4),
    Scenario("checkout all", ("checkout",), _empty),
    Scenario("checkout revision", ("checkout", "--force", "v1", "data"), _forced, work=NOTES),
    Scenario("move", ("move", "data", "sub"), Case.second),
    Scenario("remove", ("remove", "data"), _new, work=WORK),
    Scenario("remove data", ("remove", "--data", "data"), Case.second),
    Scenario("remove a part", ("remove", "data/b"), Case.first),
    Scenario("push first", ("push", "--all-commits"), _never_pushed, sends=True),
    Scenario("push more", ("push",), _pushed_once, work=WORK, sends=True),
    Scenario("fetch", ("fetch", "--all-commits"), _pushed, where="clone"),
    Scenario("pull", ("pull",), _pushed, where="clone"),
    Scenario(
        "pull onto work",
        ("pull",),
        _behind,
        where="clone",
        work=KEPT,
        rc=4,
    ),
    Scenario("gc", ("gc",), _littered, work=NOTES),
    Scenario("gc for good", ("gc", "--grace", "0d"), _littered, work=NOTES),
    Scenario("gc --restore", ("gc", "--restore"), _trashed, work=NOTES),
    Scenario("gc --remote", ("gc", "--remote", "origin", "--grace", "0d"), _littered_remote, sends=True),
    Scenario("gc --remote again", ("gc", "--remote", "origin", "--grace", "0d"), _condemned, sends=True),
    Scenario("resolve", ("resolve", "data", "--theirs"), _in_conflict, work=NOTES, mend=("checkout",)),
    Scenario("resolve union", ("resolve", "data", "--union"), _in_conflict, work=NOTES, mend=("checkout",)),
    Scenario(
        "merge-driver",
        ("merge-driver", ".merge_base", ".merge_ours", ".merge_theirs", "7", "data.dver"),
        _in_driver,
        work=NOTES,
    ),
    Scenario("hook post-checkout", ("hook", "post-checkout", "0", "0", "1"), _moved_back, work=KEPT, warns=True),
    Scenario("fsck --repair", ("fsck", "--repair"), _damaged),
    Scenario("exp save", ("exp", "save", "-n", "mine", "--force"), _edited, work=WORK),
)
