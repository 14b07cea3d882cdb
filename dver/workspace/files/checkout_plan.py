"""The plan of a checkout, decided from trees alone. Pure: it reads no disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from dver.core.display import Displayed
from dver.core.errors import CorruptError, MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind
from dver.store.trees.compare import TreeReader, join, paired, same


class KeepReason(Enum):
    """Why a path stays as it is."""

    MODIFIED = "modified"
    EDITED = "edited during this checkout"
    NEW = "new"
    IN_THE_WAY = "in the way of the new version"


@dataclass(frozen=True, slots=True, repr=False)
class KeptPath(Displayed):
    """A path with unsaved work. `blocks` says that the target has other content there."""

    path: bytes
    why: KeepReason
    diverged: bool = False
    """Whether the target differs from the data that dver placed there, so that both sides changed."""

    @property
    def blocks(self) -> bool:
        """Whether the kept file blocks target content."""
        return self.why is not KeepReason.NEW


@dataclass(slots=True)
class CheckoutPlan:
    """Steps, in the order of their execution. Paths are relative to one directory, such as the project's root."""

    remove: list[tuple[bytes, Entry]] = field(default_factory=list)
    """Files and links to delete; their content is saved."""
    remove_directories: list[bytes] = field(default_factory=list)
    """Directories to delete if they are empty by then, deepest first."""
    create: list[tuple[bytes, Entry]] = field(default_factory=list)
    """New files, links, and directories with all their content."""
    replace: list[tuple[bytes, Entry]] = field(default_factory=list)
    """Files and links that replace others."""
    found: dict[bytes, Entry] = field(default_factory=dict)
    """The scanned entries of paths to replace; missing where the content is the same as the target's."""
    keep: list[KeptPath] = field(default_factory=list)
    """Unsaved work that stays."""
    unknown: list[tuple[bytes, Entry, MissingObjectError | CorruptError]] = field(default_factory=list)
    """Directories whose target listing cannot be read; they stay."""

    force: bool = False
    """Whether unsaved work is overwritten, even if the scan did not see it."""


@dataclass(frozen=True, slots=True)
class _Rules:
    read: TreeReader
    saved: Callable[[Iterable[Oid]], set[Oid]]
    force: bool


@dataclass(frozen=True, slots=True)
class CheckoutSubject:
    """Data to check out at `path`."""

    path: bytes
    have: Entry | None
    """The entry in the workspace."""
    want: Entry | None
    bases: tuple[Entry, ...] = ()
    """Trees or files that dver may have placed there. Files in none of them belong to the user."""


def plan_checkout(
    subjects: Iterable[CheckoutSubject],
    *,
    read: TreeReader,
    saved: Callable[[Iterable[Oid]], set[Oid]],
    force: bool = False,
) -> CheckoutPlan:
    """The plan from the workspace to the target.

    `saved` returns the oids that are in the store. With `force`, unsaved work is overwritten.
    """
    plan = CheckoutPlan(force=force)
    rules = _Rules(read, saved, force)
    for subject in subjects:
        _visit(plan, subject.path, subject.have, subject.want, list(subject.bases), rules)
    return plan


def _visit(
    plan: CheckoutPlan, path: bytes, have: Entry | None, want: Entry | None, bases: list[Entry], rules: _Rules
) -> None:
    if same(have, want):
        return
    if have is None:
        assert want is not None
        plan.create.append((path, want))
    elif have.kind is Kind.DIRECTORY and want is not None and want.kind is Kind.DIRECTORY:
        _visit_directory(plan, path, have, want, bases, rules)
    elif have.kind is Kind.DIRECTORY:
        _replace_directory(plan, path, have, want, bases, rules)
    else:
        _replace_file(plan, path, have, want, bases, rules)


def _visit_directory(
    plan: CheckoutPlan, path: bytes, have: Entry, want: Entry, bases: list[Entry], rules: _Rules
) -> None:
    try:
        wanted = rules.read(want.oid)
    except (MissingObjectError, CorruptError) as error:
        plan.unknown.append((path, want, error))
        return
    _visit_below(plan, path, have, wanted, bases, rules)


def _visit_below(
    plan: CheckoutPlan, path: bytes, have: Entry, wanted: Sequence[Entry], bases: list[Entry], rules: _Rules
) -> None:
    below_bases = [_children(base, rules.read) for base in bases]
    for name, has, wants in paired(rules.read(have.oid), wanted):
        known = [below[name] for below in below_bases if name in below]
        _visit(plan, join(path, name), has, wants, known, rules)


def _replace_directory(
    plan: CheckoutPlan, path: bytes, have: Entry, want: Entry | None, bases: list[Entry], rules: _Rules
) -> None:
    """Remove a directory: all saved files below it, and the directory itself if nothing is left."""
    if want is None and not bases and not rules.force and not rules.read(have.oid):
        plan.keep.append(KeptPath(path, KeepReason.NEW))
        return
    kept_before = len(plan.keep)
    _visit_below(plan, path, have, (), bases, rules)
    if len(plan.keep) == kept_before:
        plan.remove_directories.append(path)
        if want is not None:
            plan.create.append((path, want))
    elif want is not None:
        plan.keep.append(KeptPath(path, KeepReason.IN_THE_WAY, diverged=True))


def _replace_file(
    plan: CheckoutPlan, path: bytes, have: Entry, want: Entry | None, bases: list[Entry], rules: _Rules
) -> None:
    if not rules.force and not _may_go(have, want, bases, rules):
        plan.keep.append(KeptPath(path, _why(want, bases), _is_moved(want, bases)))
    elif want is None:
        plan.remove.append((path, have))
    elif want.kind is Kind.DIRECTORY:
        plan.remove.append((path, have))
        plan.create.append((path, want))
    else:
        plan.replace.append((path, want))
        plan.found[path] = have


def _may_go(have: Entry, want: Entry | None, bases: list[Entry], rules: _Rules) -> bool:
    """Whether `have` may be deleted without loss.

    A file that only the user put there stays even if its content is saved: its name carries information too.
    """
    if want is None and not bases:
        return False
    return have.oid in rules.saved((have.oid,))


def _why(want: Entry | None, bases: list[Entry]) -> KeepReason:
    if want is None and not bases:
        return KeepReason.NEW
    return KeepReason.MODIFIED if bases else KeepReason.IN_THE_WAY


def _is_moved(want: Entry | None, bases: list[Entry]) -> bool:
    return any(not same(base, want) for base in bases) or (not bases and want is not None)


def _children(base: Entry, read: TreeReader) -> dict[bytes, Entry]:
    if base.kind is not Kind.DIRECTORY:
        return {}
    try:
        return {child.name: child for child in read(base.oid)}
    except (MissingObjectError, CorruptError):  # without the listing, files count as the user's and stay
        return {}


def files_in(steps: Sequence[tuple[bytes, Entry]]) -> int:
    """The number of files in the steps."""
    return sum(entry.files for _, entry in steps)


def bytes_in(steps: Sequence[tuple[bytes, Entry]]) -> int:
    """The number of bytes in the steps."""
    return sum(entry.size for _, entry in steps)
