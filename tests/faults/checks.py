"""What must hold after a fault, looked at without the commands: every file is read, nothing that is cached is believed.

Each check returns sentences about what is wrong; none is good.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workspaces import Content, listing

from dver.core.errors import DverError
from dver.core.oid import Oid
from dver.formats import pointer as pointer_format
from dver.formats import remote_index
from dver.formats.pack import ObjectKind
from dver.formats.tree import Kind
from dver.store.objects.database import Database
from dver.store.objects.packs import PackReader, parse_pack_file_name
from dver.store.store import Store

Root = tuple[Oid, ObjectKind]


def git(*args: str, cwd: Path) -> bytes:
    """What `git ARGS...` prints, whatever its exit code."""
    done = subprocess.run(["git", *args], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout


# -- objects ---------------------------------------------------------------------------------------------------------


@contextmanager
def opened(root: Path) -> Iterator[Store]:
    """The store in the folder `root`, with an index database of its own."""
    with tempfile.TemporaryDirectory(prefix="dver-faults-") as folder:
        database = Database(Path(folder) / "index.db")
        store = Store(root, database)
        try:
            yield store
        finally:
            store.close()
            database.close()


def incomplete(store: Store, roots: Iterable[Root]) -> dict[Oid, str]:
    """Those of `roots` below which something is missing or damaged, and what. Reads every byte."""
    known: dict[Oid, str | None] = {}
    return {oid: wrong for oid, kind in roots if (wrong := _wrong_below(store, oid, kind, known))}


def _wrong_below(store: Store, oid: Oid, kind: ObjectKind, known: dict[Oid, str | None]) -> str | None:
    if oid not in known:
        known[oid] = None
        try:
            if kind is ObjectKind.BLOB:
                for _ in store.stream(oid):
                    pass
            else:
                for entry in store.tree(oid):
                    below = ObjectKind.TREE if entry.kind is Kind.DIRECTORY else ObjectKind.BLOB
                    if wrong := _wrong_below(store, entry.oid, below, known):
                        known[oid] = f"{os.fsdecode(entry.name)}: {wrong}"
                        break
        except DverError as error:
            known[oid] = f"{error.what} ({error.why})"
    return known[oid]


# -- a repository ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class State:
    """All that a user, Git or another clone can see of a repository."""

    files: Mapping[bytes, Content]
    index: bytes
    status: str = ""

    def differs(self, other: State) -> list[str]:
        """How `other` is not the same."""
        wrong = [
            f"{os.fsdecode(name)} is {_shown(other.files.get(name))}, not {_shown(self.files.get(name))}"
            for name in sorted({*self.files, *other.files})
            if self.files.get(name) != other.files.get(name)
        ]
        if self.index != other.index:
            wrong.append(f"Git's index is\n{other.index.decode()}not\n{self.index.decode()}")
        if self.status != other.status:
            wrong.append(f"dver status says\n{other.status}not\n{self.status}")
        return wrong


def _shown(content: Content | None) -> str:
    if content is None:
        return "absent"
    kind, data = content
    return f"a {kind} of {len(data)} bytes" + (f" {data!r}" if len(data) < 400 else f" {data[:20]!r}…")


def state(repo: Path) -> State:
    """What there is in the worktree `repo`, and in its Git index."""
    files = {name: content for name, content in listing(repo).items() if not _internal(name)}
    return State(files, git("ls-files", "-s", cwd=repo))


def _internal(name: bytes) -> bool:
    return name == b".git" or name.startswith(b".git/")


def pointers(repo: Path) -> tuple[dict[str, Root], list[str]]:
    """Every pointer in worktree, index and commits, and what is wrong with those that are none."""
    found: dict[str, Root] = {}
    wrong: list[str] = []
    for place, content in _pointer_contents(repo):
        try:
            one = pointer_format.decode(content)
            found[place] = (one.oid, one.kind)
        except DverError as error:
            wrong.append(f"{place} is no pointer: {error.what}: {content!r}")
    return found, wrong


def _pointer_contents(repo: Path) -> Iterator[tuple[str, bytes]]:
    for name, (kind, content) in listing(repo).items():
        if name.endswith(b".dver") and kind == "file" and not _internal(name):
            yield f"pointer {os.fsdecode(name)}", content
    blobs = {line.split()[1]: line for line in git("ls-files", "-s", cwd=repo).splitlines() if line.endswith(b".dver")}
    for commit in git("rev-list", "--all", cwd=repo).decode().split():
        for line in git("ls-tree", "-r", commit, cwd=repo).splitlines():
            if line.endswith(b".dver"):
                blobs.setdefault(line.split()[2], commit.encode() + b" " + line)
    for blob, where in blobs.items():
        yield f"pointer at {where.decode()}", git("cat-file", "blob", blob.decode(), cwd=repo)


def store_of(repo: Path) -> Path:
    """The folder of its store."""
    return repo / ".git" / "dver" / "store"


def dangling(repo: Path) -> tuple[set[Oid], list[str]]:
    """The oids of pointers whose data is not all in the store, and what is wrong."""
    found, wrong = pointers(repo)
    with opened(store_of(repo)) as store:
        lost = incomplete(store, set(found.values()))
    return set(lost), wrong + [f"{place}: {lost[oid]}" for place, (oid, _) in found.items() if oid in lost]


def leftovers(repo: Path) -> list[str]:
    """Temporary names that nobody will ever take away."""
    found = [name for name in listing(repo) if b"/.dver-" in b"/" + name and b".git/objects" not in name]
    return [f"{os.fsdecode(name)} is left over" for name in found]


# -- a remote --------------------------------------------------------------------------------------------------------


def remote_roots(remote: Path) -> set[Oid]:
    """What the indexes of the remote in the folder `remote` promise."""
    return {root for _, index in _indexes(remote) for root in index.roots}


def remote_problems(remote: Path) -> list[str]:
    """Indexes that are no indexes, list what is not where they say, or promise what is not there."""
    wrong: list[str] = []
    if not remote.is_dir():
        return wrong
    packs = _packs(remote)
    for name, index in _indexes(remote, wrong):
        for one in index.objects:
            rows = packs.get(index.packs[one.pack].name)
            if rows is None or rows.get(one.oid) != one.offset:
                wrong.append(f"index {name} lists {one.oid}, which is not in {index.packs[one.pack].name.hex()}")
    with opened(remote) as store:
        roots = [(oid, kind) for oid in remote_roots(remote) for kind in (_kind(store, oid),)]
        wrong += [f"the remote promises {oid}: {why}" for oid, why in incomplete(store, roots).items()]
    return wrong


def _kind(store: Store, oid: Oid) -> ObjectKind:
    return next((found.kind for found in store.locate((oid,))), ObjectKind.TREE)


def _packs(remote: Path) -> dict[Oid, dict[Oid, int]]:
    packs = {}
    for file in (remote / "packs").glob("*"):
        name = parse_pack_file_name(file.name)
        if name is not None:
            with PackReader(file) as reader:
                packs[name] = {row.oid: row.offset for row in reader.rows(name)}
    return packs


def _indexes(remote: Path, wrong: list[str] | None = None) -> Iterator[tuple[str, remote_index.RemoteIndex]]:
    for file in sorted((remote / "indexes").glob("*.idx")):
        try:
            yield file.stem, remote_index.decode(file.read_bytes())
        except DverError as error:
            if wrong is not None:
                wrong.append(f"index {file.stem} is none: {error.what}")
