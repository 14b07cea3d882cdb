"""The checks of `dver doctor`: configuration, store, disk, pointers, hooks and remotes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.core.display import Displayed
from dver.core.errors import ConflictError, CorruptError, DverError, RemoteError, RepositoryError
from dver.core.files import explain
from dver.core.phrasing import join_limited
from dver.git import index, pointers
from dver.git.git_repo import GitRepo
from dver.gitflow.hooks import drivers, hook_scripts
from dver.gitflow.hooks.hook_scripts import HookState, InstalledHooks
from dver.maintenance.disk_capabilities import probe_disk
from dver.repo import Repository
from dver.repo.layout import Layout
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.loose import LinkMode
from dver.tracking.availability import availability_of
from dver.tracking.targets import TrackedData, data_named_by, overlap_error

if TYPE_CHECKING:
    from dver.remote.storage import Capabilities, Storage

_INSTALL: Final = "dver install"


class Level(Enum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, repr=False)
class Finding(Displayed):
    """The result of one check. `fix` is the command or change that fixes a problem."""

    level: Level
    topic: str
    text: str
    fix: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(Displayed):
    """What `dver doctor` or `dver model doctor` found."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> int:
        """The number of problems."""
        return sum(finding.level is Level.PROBLEM for finding in self.findings)

    @property
    def warnings(self) -> int:
        """The number of warnings."""
        return sum(finding.level is Level.WARNING for finding in self.findings)


def run_check(topic: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of `check`. An error of the check is a finding, too."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except DverError as error:
        found.append(problem_finding(topic, error))
    except OSError as error:
        found.append(problem_finding(topic, explain(error)))
    return found


def problem_finding(topic: str, error: DverError, *, level: Level = Level.PROBLEM) -> Finding:
    return Finding(level, topic, error.what + (f": {error.why}" if error.why else ""), error.fix)


def check_config(repo: Repository) -> Iterator[Finding]:
    """Check the configuration and the settings of each remote."""
    config = repo.config
    yield Finding(Level.OK, "config", f"settings in force: {len(config.items())}")
    chosen = config.get("core.remote")
    if chosen is not None and chosen not in config.remote_names:
        yield Finding(
            Level.PROBLEM,
            "config",
            f"the default remote {chosen!r} is not set up",
            "choose another with `dver remote default NAME`, or add it with `dver remote add`",
        )
    for name in config.remote_names:
        try:
            repo.remotes.settings(name)
        except DverError as error:
            yield problem_finding("config", error)


def check_disk(repo: Repository) -> Iterator[Finding]:
    """Check the capabilities of the disks, and whether `cache.link` needs more."""
    disk = probe_disk(repo.root, repo.store.scratch)
    can = ", ".join(mode.value for mode in LinkMode if mode in disk.links) or "none"
    yield Finding(Level.OK, "disk", f"links between the store and the workspace: {can}")
    mode = repo.link_mode
    if mode not in (LinkMode.AUTO, LinkMode.COPY) and mode not in disk.links:
        yield Finding(
            Level.WARNING,
            "disk",
            f"cache.link is {mode.value}, which these disks do not support: files are copied",
            "move the store to the disk of the workspace (cache.dir), or `dver config set cache.link auto`",
        )
    yield Finding(Level.OK, "disk", f"names that differ in case only are {_two(disk.case_sensitive)}")
    yield Finding(Level.OK, "disk", f"names that differ in Unicode form only are {_two(disk.keeps_names)}")


def check_store(repo: Repository) -> Iterator[Finding]:
    """Check the store: its size, damaged packs, and leftovers of killed processes."""
    store = repo.store
    store.present(())  # reads the list of packs
    packs = _files(store.packs)
    loose = [size for folder in _folders(store.loose.root) for size in _files(folder)]
    text = f"packs: {len(packs)}, loose files: {len(loose)}, {(sum(packs) + sum(loose)) / 1e6:,.1f} MB"
    yield Finding(Level.OK, "store", f"{text}, in {store.root}")
    for path in store.index.damaged_packs:
        yield Finding(
            Level.PROBLEM,
            "store",
            f"the pack {path.name[:12]}… is damaged, and its objects count as missing",
            "`dver fsck --repair` keeps its good objects, and searches good copies of the others",
        )
    stage = Path(os.fsdecode(repo.layout.staging_dir))
    for folder, left, cure in (
        (store.scratch.folder, store.scratch.count_leftovers(), "dver add"),
        (stage, ScratchDirectory(stage).count_leftovers(), "dver checkout"),
    ):
        if left:
            yield Finding(
                Level.WARNING,
                "store",
                f"{left} files of killed processes in {folder}",
                f"the next `{cure}` deletes them",
            )


def check_pointers(repo: Repository) -> Iterator[Finding]:
    """Check pointers and locks: unreadable ones, data tracked twice or by Git, and missing data."""
    named: dict[bytes, TrackedData] = {}
    for path, file in sorted(pointers.in_worktree(repo.git, repo.layout.prefix).items()):
        try:
            found = data_named_by(repo, path, file.blob, file.content or b"")
        except (CorruptError, ConflictError) as error:
            yield problem_finding("pointers", error)
            continue
        for one in found:
            if one.path in named:
                yield problem_finding("pointers", overlap_error(repo, named[one.path], one))
            named[one.path] = one
    good = {path: one.pointer for path, one in named.items()}
    yield Finding(Level.OK, "pointers", f"readable: {len(good)}")
    present = availability_of(repo, list(good.values())).in_store
    absent = [path for path, pointer in good.items() if pointer.oid not in present]
    if absent:
        yield Finding(
            Level.WARNING, "pointers", f"not complete in the store: {_names(repo.layout, absent)}", "dver fetch"
        )
    if good:
        yield from _check_git(repo, list(good))


def _check_git(repo: Repository, paths: list[bytes]) -> Iterator[Finding]:
    both = index.tracked_under(repo.git, *paths)
    if both:
        yield Finding(
            Level.PROBLEM,
            "pointers",
            f"tracked by Git and by dver: {_names(repo.layout, both)}",
            "git rm -r --cached -- PATH   (the files stay)",
        )
    ignored = index.ignored(repo.git, paths)
    open_to_git = [path for path in paths if path not in ignored and repo.layout.exists(path)]
    if open_to_git:
        yield Finding(
            Level.WARNING,
            "pointers",
            f"not ignored by Git, so `git add .` would add it: {_names(repo.layout, open_to_git)}",
            "`dver add` data again, or `dver repro` the stage of an output, to write the line in .gitignore",
        )


def check_hooks(repo: Repository) -> Iterator[Finding]:
    """Check Git hooks, merge drivers and .gitattributes, unless hooks.install is off."""
    if not repo.config.get("hooks.install"):
        return
    setup = hook_scripts.installed_hooks(repo.git)
    wrong = _wrong_hooks(setup) if drivers.hooks_wanted(repo.git) else []
    if wrong:
        fix = f"{_INSTALL}, which prints the line for each hook in {setup.scripts}" if setup.by_hand else _INSTALL
        yield Finding(Level.WARNING, "hooks", f"not in place: {', '.join(wrong)}", fix)
    if unset := drivers.missing_settings(repo.git):
        yield Finding(Level.WARNING, "hooks", f"not set, or not to this dver: {', '.join(unset)}", _INSTALL)
    if drivers.attributes_missing(repo.git, repo.root):
        yield Finding(Level.WARNING, "hooks", "the drivers are not all named in .gitattributes", _INSTALL)
    if not wrong and not unset:
        yield Finding(Level.OK, "hooks", _in_place(repo.git, setup))


def _wrong_hooks(setup: InstalledHooks) -> list[str]:
    ours = {name for name in setup.placed if setup.hooks[name] is HookState.OURS}
    return [
        *(f"{name}: {setup.hooks[name].value}" for name in setup.placed if name not in ours),
        *(f"{name} does not call dver" for name in setup.by_hand),
        *(f"{name}: runs twice" for name in sorted(setup.doubled & (setup.framework | ours))),
    ]


def _in_place(git: GitRepo, setup: InstalledHooks) -> str:
    if not drivers.hooks_wanted(git):
        return "drivers in place; no hooks, by `dver install --no-hooks`"
    left = f"; the pre-commit framework runs {', '.join(sorted(setup.framework))}" if setup.framework else ""
    return f"in place in {setup.folder}{left}"


def check_remotes(repo: Repository, *, seconds: float) -> Iterator[Finding]:
    """Check that each remote answers within `seconds`."""
    names = repo.config.remote_names
    if not names:
        yield Finding(Level.WARNING, "remote", "none is set up", "dver remote add -d origin URL")
    probes = []
    for name in names:
        try:
            probes.append(_Probe(name, repo.remotes.connect(name)))
        except RemoteError as error:
            yield problem_finding("remote", error)
        except RepositoryError:  # invalid settings, which check_config reports
            continue
    for probe_ in probes:
        yield probe_.finding(seconds)


class _Probe:
    """A check of one remote, in a thread that does not keep the process alive."""

    def __init__(self, name: str, storage: Storage) -> None:
        self._name = name
        self._storage = storage
        self._found: Capabilities | None = None
        self._error: DverError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._storage.probe()
        except DverError as error:
            self._error = error
        except OSError as error:
            self._error = explain(error)

    def finding(self, seconds: float) -> Finding:
        self._thread.join(seconds)
        if self._error is not None:
            return problem_finding("remote", self._error)
        if self._found is None:
            text = f"{self._name}: no answer from {self._storage.url} in {seconds:.0f} seconds"
            return Finding(Level.PROBLEM, "remote", text, "check the network, or use --offline")
        if not self._found.writable:
            text = f"{self._name}: {self._storage.url} can be read, but not written to"
            return Finding(Level.WARNING, "remote", text, "`dver pull` works; `dver push` needs write access")
        return Finding(Level.OK, "remote", f"{self._name}: {self._storage.url} can be read and written")


def _two(apart: bool) -> str:
    return "two files" if apart else "one file: data from other systems may conflict"


def _names(layout: Layout, paths: list[bytes]) -> str:
    return join_limited([layout.shown(path) for path in paths])


def _files(folder: Path) -> list[int]:
    """The sizes of the files in `folder`."""
    with suppress(FileNotFoundError), os.scandir(folder) as listing:
        return [entry.stat().st_size for entry in listing if entry.is_file()]
    return []


def _folders(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError), os.scandir(folder) as listing:
        return [Path(entry.path) for entry in listing if entry.is_dir()]
    return []
