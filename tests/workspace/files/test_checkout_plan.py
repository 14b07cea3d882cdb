"""Plans, decided from trees alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workspaces import has_steps

from dver.core.errors import MissingObjectError
from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, totals, write_directory
from dver.workspace.files.checkout_plan import CheckoutPlan, CheckoutSubject, KeepReason, KeptPath, plan_checkout

Tree = Mapping[str, "bytes | Tree"]


class Trees:
    """Trees made of nested dicts, with all of their content saved unless it begins with `unsaved`."""

    def __init__(self) -> None:
        self.directories: dict[Oid, list[Entry]] = {}
        self.contents: dict[Oid, bytes] = {}

    def entry(self, content: bytes | Tree | None, name: str = "data") -> Entry | None:
        if content is None:
            return None
        if isinstance(content, bytes):
            self.contents[Oid.of(content)] = content
            return Entry(name.encode(), Kind.FILE, Oid.of(content), len(content))
        entries = [entry for key in sorted(content) if (entry := self.entry(content[key], key))]
        oid = write_directory(entries, lambda oid, content: None)
        self.directories[oid] = entries
        size, files = totals(entries)
        return Entry(name.encode(), Kind.DIRECTORY, oid, size, files)

    def read(self, oid: Oid) -> list[Entry]:
        if oid not in self.directories:
            raise MissingObjectError("not here")
        return self.directories[oid]

    def saved(self, oids: Iterable[Oid]) -> set[Oid]:
        return {oid for oid in oids if not self.contents[oid].startswith(b"unsaved")}


def plan(
    have: bytes | Tree | None, want: bytes | Tree | None, *bases: bytes | Tree, force: bool = False
) -> CheckoutPlan:
    trees = Trees()
    before = tuple(entry for base in bases if (entry := trees.entry(base)))
    subject = CheckoutSubject(b"data", trees.entry(have), trees.entry(want), before)
    return plan_checkout([subject], read=trees.read, saved=trees.saved, force=force)


def steps(found: CheckoutPlan) -> dict[str, list[str]]:
    named = {
        "remove": [path for path, _ in found.remove],
        "rmdir": found.remove_directories,
        "create": [path for path, _ in found.create],
        "replace": [path for path, _ in found.replace],
        "keep": [kept.path for kept in found.keep],
    }
    return {key: [path.decode() for path in paths] for key, paths in named.items() if paths}


def test_nothing_differs_so_nothing_is_done() -> None:
    assert not has_steps(plan({"a": b"1"}, {"a": b"1"}))
    assert not has_steps(plan(None, None))


def test_a_whole_directory_is_one_step() -> None:
    assert steps(plan(None, {"a": b"1", "sub": {"b": b"2"}})) == {"create": ["data"]}


def test_only_what_differs_is_touched() -> None:
    before = {"same": b"0", "edit": b"1", "gone": b"2", "sub": {"same": b"3"}}
    after = {"same": b"0", "edit": b"9", "new": b"4", "sub": {"same": b"3", "more": {}}}
    found = steps(plan(before, after, before))
    assert found == {"remove": ["data/gone"], "create": ["data/new", "data/sub/more"], "replace": ["data/edit"]}


def test_unsaved_changes_are_kept_and_the_rest_is_done() -> None:
    before = {"a": b"1", "b": b"2"}
    found = plan({"a": b"unsaved", "b": b"2"}, {"a": b"8", "b": b"9"}, before)
    assert steps(found) == {"replace": ["data/b"], "keep": ["data/a"]}
    assert found.keep == [KeptPath(b"data/a", KeepReason.MODIFIED, diverged=True)]
    assert found.keep[0].blocks


def test_with_force_nothing_is_kept() -> None:
    found = plan({"a": b"unsaved", "new": b"unsaved"}, {"a": b"8"}, {"a": b"1"}, force=True)
    assert steps(found) == {"remove": ["data/new"], "replace": ["data/a"]}


def test_a_file_that_only_the_user_put_there_stays_even_if_its_bytes_are_saved() -> None:
    found = plan({"a": b"1", "copy": b"1"}, {"a": b"1"}, {"a": b"1"})
    assert found.keep == [KeptPath(b"data/copy", KeepReason.NEW)]
    assert not found.keep[0].blocks


def test_a_file_in_the_way_is_replaced_only_if_it_is_saved() -> None:
    assert steps(plan({"a": b"old"}, {"a": b"1"})) == {"replace": ["data/a"]}
    found = plan({"a": b"unsaved"}, {"a": b"1"})
    assert found.keep == [KeptPath(b"data/a", KeepReason.IN_THE_WAY, diverged=True)]


def test_all_goes_where_nothing_is_wanted_any_more() -> None:
    before = {"a": b"1", "empty": {}, "sub": {"b": b"2"}}
    found = steps(plan(before, None, before))
    assert found == {"remove": ["data/a", "data/sub/b"], "rmdir": ["data/empty", "data/sub", "data"]}


def test_directories_with_work_in_them_stay() -> None:
    before = {"a": b"1", "sub": {"b": b"2"}}
    found = steps(plan({"a": b"1", "sub": {"b": b"2", "mine": b"unsaved"}}, None, before))
    assert found == {"remove": ["data/a", "data/sub/b"], "keep": ["data/sub/mine"]}


def test_an_empty_directory_that_only_the_user_made_stays() -> None:
    assert steps(plan({"a": b"1", "mine": {}}, {"a": b"1"}, {"a": b"1"})) == {"keep": ["data/mine"]}
    assert steps(plan({"a": b"1", "mine": {}}, {"a": b"1"}, {"a": b"1"}, force=True)) == {"rmdir": ["data/mine"]}


def test_a_file_becomes_a_directory_of_its_name_and_back() -> None:
    file, folder = {"x": b"1"}, {"x": {"y": b"2"}}
    assert steps(plan(file, folder, file)) == {"remove": ["data/x"], "create": ["data/x"]}
    assert steps(plan(folder, file, folder)) == {"remove": ["data/x/y"], "rmdir": ["data/x"], "create": ["data/x"]}


def test_a_directory_with_work_in_it_is_not_replaced_by_a_file() -> None:
    found = plan({"x": {"y": b"2", "mine": b"unsaved"}}, {"x": b"1"}, {"x": {"y": b"2"}})
    assert steps(found) == {"remove": ["data/x/y"], "keep": ["data/x/mine", "data/x"]}


def test_of_two_versions_that_dver_may_have_put_there_both_count() -> None:
    one, other = {"a": b"1"}, {"b": b"2"}
    assert steps(plan({"a": b"1", "b": b"2"}, None, one, other)) == {"remove": ["data/a", "data/b"], "rmdir": ["data"]}


def test_directories_whose_content_is_not_known_are_listed_and_left() -> None:
    trees = Trees()
    have = trees.entry({"a": b"1"})
    unknown = Entry(b"data", Kind.DIRECTORY, Oid.of(b"nowhere"), 5, 1)
    found = plan_checkout([CheckoutSubject(b"data", have, unknown)], read=trees.read, saved=trees.saved)
    assert not has_steps(found)
    assert [(path, entry) for path, entry, _ in found.unknown] == [(b"data", unknown)]


def test_without_knowing_the_old_version_nothing_is_taken_away() -> None:
    trees = Trees()
    have = trees.entry({"a": b"1"})
    base = Entry(b"data", Kind.DIRECTORY, Oid.of(b"nowhere"), 5, 1)
    found = plan_checkout([CheckoutSubject(b"data", have, None, (base,))], read=trees.read, saved=trees.saved)
    assert steps(found) == {"keep": ["data/a"]}
