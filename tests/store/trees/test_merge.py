"""Merging trees: file by file, and nothing read that did not change on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.oid import Oid
from dver.formats.tree import Entry, Kind, read_directory
from dver.store.trees.compare import leaves
from dver.store.trees.edit import directory_entry
from dver.store.trees.merge import MergeChoice, MergedTree, TreeConflict, merge, union_names

Content = str | tuple[Kind, str] | None
"""A file's text; another kind and its text; None for an empty directory."""
Files = Mapping[str, Content]


class Trees:
    """Trees in memory, which remember what was read of them."""

    def __init__(self) -> None:
        self.objects: dict[Oid, bytes] = {}
        self.read_oids: list[Oid] = []

    def emit(self, oid: Oid, content: bytes) -> None:
        self.objects[oid] = content

    def read(self, oid: Oid) -> Sequence[Entry]:
        self.read_oids.append(oid)
        return read_directory(self.objects.__getitem__, oid)

    def make(self, files: Files, name: bytes = b"data") -> Entry:
        below: dict[str, dict[str, Content]] = {}
        entries = []
        for path, content in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = content
            else:
                entries.append(self.leaf(first.encode(), content))
        entries += [self.make(inner, first.encode()) for first, inner in below.items()]
        return directory_entry(name, sorted(entries), self.emit)

    def leaf(self, name: bytes, content: Content) -> Entry:
        if content is None:
            return directory_entry(name, [], self.emit)
        kind, text = content if isinstance(content, tuple) else (Kind.FILE, content)
        return Entry(name, kind, Oid.of(text.encode()), len(text))

    def merge(
        self, base: Files | None, ours: Files, theirs: Files, choose: Mapping[str, MergeChoice] | None = None
    ) -> MergedTree:
        chosen = {path.encode(): choice for path, choice in (choose or {}).items()}
        made = [self.make(files) if files is not None else None for files in (base, ours, theirs)]
        self.read_oids.clear()
        return merge(*made, read=self.read, emit=self.emit, choose=lambda one: chosen.get(one.path))

    def told(self, entry: Entry | None) -> dict[str, tuple[Kind, Oid]]:
        if entry is None:
            return {}
        return {path.decode(): (one.kind, one.oid) for path, one in leaves(entry, self.read)}


def merged(
    base: Files | None, ours: Files, theirs: Files, choose: Mapping[str, MergeChoice] | None = None
) -> list[str]:
    """The conflicts, or the merged files."""
    trees = Trees()
    found = trees.merge(base, ours, theirs, choose)
    if found.conflicts:
        return ["conflict: " + one.path.decode() for one in found.conflicts]
    return sorted(trees.told(found.entry))


def assert_merges(base: Files | None, ours: Files, theirs: Files, wanted: Files) -> None:
    """Merging gives `wanted`, whichever side is ours, with the right sizes and counts."""
    for left, right in ((ours, theirs), (theirs, ours)):
        trees = Trees()
        found = trees.merge(base, left, right)
        assert found.conflicts == ()
        assert trees.told(found.entry) == trees.told(trees.make(wanted))
        assert found.entry == trees.make(wanted)


def test_files_that_each_side_adds_are_all_there() -> None:
    assert_merges({"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "d/c": "3"}, {"a": "1", "b": "2", "d/c": "3"})


def test_two_sides_that_add_a_directory_each_are_joined_without_a_base() -> None:
    assert_merges(None, {"a": "1", "same": "0"}, {"b": "2", "same": "0"}, {"a": "1", "b": "2", "same": "0"})


def test_what_one_side_deletes_and_the_other_left_alone_goes() -> None:
    assert_merges({"a": "1", "b": "2", "c": "3"}, {"a": "1", "c": "3"}, {"a": "1", "b": "2"}, {"a": "1"})


def test_both_delete_it() -> None:
    assert_merges({"a": "1", "d/b": "2"}, {"a": "1"}, {"a": "1", "c": "3"}, {"a": "1", "c": "3"})


def test_content_and_mode_of_a_file_merge_apart() -> None:
    assert_merges({"a": "1"}, {"a": "two"}, {"a": (Kind.EXECUTABLE, "1")}, {"a": (Kind.EXECUTABLE, "two")})


def test_a_link_and_a_changed_file_conflict() -> None:
    assert merged({"a": "1"}, {"a": (Kind.SYMLINK, "b")}, {"a": "2"}) == ["conflict: a"]


def test_a_file_and_a_directory_of_one_name_conflict() -> None:
    assert merged({}, {"a": "1"}, {"a/b": "2"}) == ["conflict: a"]
    assert merged({"a/b": "1"}, {"a": "1"}, {"a/b": "2"}) == ["conflict: a"]


def test_a_file_that_became_a_directory_is_one_where_the_other_side_deleted_it() -> None:
    assert_merges({"a": "1", "z": "0"}, {"a/b": "2", "z": "0"}, {"z": "0"}, {"a/b": "2", "z": "0"})


def test_a_directory_that_became_a_file_is_one_where_the_other_side_deleted_it() -> None:
    assert_merges({"a/b": "1", "z": "0"}, {"a": "2", "z": "0"}, {"z": "0"}, {"a": "2", "z": "0"})


def test_empty_directories_come_and_go() -> None:
    assert_merges({"z": "0"}, {"z": "0", "new": None}, {"z": "1"}, {"z": "1", "new": None})
    assert_merges({"z": "0", "old": None}, {"z": "0"}, {"z": "1", "old": None}, {"z": "1"})


def test_a_directory_that_both_sides_have_stays_when_all_in_it_is_gone() -> None:
    assert_merges({"d/a": "1", "d/b": "2"}, {"d/a": "1"}, {"d/b": "2"}, {"d": None})


def test_a_directory_that_one_side_deleted_goes_when_the_other_deleted_the_rest() -> None:
    assert_merges({"d/a": "1", "d/b": "2", "z": "0"}, {"z": "0"}, {"d/b": "2", "z": "0"}, {"z": "0"})


def test_a_file_added_to_a_directory_that_the_other_side_deleted_stays() -> None:
    assert_merges({"d/a": "1"}, {"z": "0"}, {"d/a": "1", "d/b": "2"}, {"d/b": "2", "z": "0"})


def test_both_edit_one_file_and_one_deletes_what_the_other_edits() -> None:
    assert merged({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, {"a": "3"}) == ["conflict: a", "conflict: b"]


def test_a_modification_follows_a_renamed_file() -> None:
    assert_merges({"a": "one", "z": "0"}, {"d/b": "one", "z": "0"}, {"a": "two", "z": "0"}, {"d/b": "two", "z": "0"})


def test_a_modification_follows_into_a_directory_that_only_one_side_changed() -> None:
    base = {"d/x": "x", "a": "one"}
    assert_merges(base, {"d/x": "x", "d/b": "one"}, {"d/x": "x", "a": "two"}, {"d/x": "x", "d/b": "two"})


def test_modifications_follow_a_renamed_directory() -> None:
    base = {"old/a": "aa", "old/b": "bb", "old/in/c": "cc"}
    ours = {"new/a": "aa", "new/b": "bb", "new/in/c": "cc"}
    theirs = {"old/a": "AA", "old/b": "bb", "old/in/c": "CC"}
    assert_merges(base, ours, theirs, {"new/a": "AA", "new/b": "bb", "new/in/c": "CC"})


def test_a_renamed_and_executable_file_keeps_its_mode_with_the_new_content() -> None:
    assert_merges({"a": "one"}, {"b": (Kind.EXECUTABLE, "one")}, {"a": "two"}, {"b": (Kind.EXECUTABLE, "two")})


def test_files_of_one_content_that_moved_are_told_apart_by_their_names() -> None:
    base = {"d/a": "one", "d/b": "one"}
    assert_merges(base, {"e/a": "one", "e/b": "one"}, {"d/a": "one", "d/b": "two"}, {"e/a": "one", "e/b": "two"})


def test_a_rename_to_one_of_several_places_is_not_guessed() -> None:
    assert merged({"a": "one"}, {"b": "one", "c": "one"}, {"a": "two"}) == ["conflict: a"]


def test_a_rename_to_where_the_other_side_has_something_conflicts() -> None:
    found = merged({"a": "one"}, {"b": "one"}, {"a": "two", "b": "three"})
    assert found == ["conflict: a", "conflict: b"]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (MergeChoice.OURS, {"d/a.csv": "2", "z": "0"}),
        (MergeChoice.THEIRS, {"d/a.csv": "3", "z": "0"}),
        (MergeChoice.UNION, {"d/a.ours.csv": "2", "d/a.theirs.csv": "3", "z": "0"}),
    ],
)
def test_a_conflict_is_decided(choice: MergeChoice, wanted: Files) -> None:
    trees = Trees()
    found = trees.merge({"d/a.csv": "1"}, {"d/a.csv": "2", "z": "0"}, {"d/a.csv": "3"}, {"d/a.csv": choice})
    assert found.entry == trees.make(wanted)


def test_a_union_with_a_deleted_file_keeps_the_file_under_its_name() -> None:
    assert merged({"a": "1", "z": "0"}, {"z": "0"}, {"a": "2", "z": "0"}, {"a": MergeChoice.UNION}) == ["a", "z"]


def test_a_union_of_a_file_and_a_directory_keeps_both() -> None:
    assert merged({}, {"a": "1"}, {"a/b": "2"}, {"a": MergeChoice.UNION}) == ["a.ours", "a.theirs/b"]


def test_a_side_that_deleted_all_of_a_directory_may_win() -> None:
    assert merged({"d/a": "1", "z": "0"}, {"z": "0"}, {"d/a": "2", "z": "0"}, {"d/a": MergeChoice.OURS}) == ["z"]


def test_other_conflicts_stay_open() -> None:
    assert merged({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, {"a": "3", "b": "3"}, {"a": MergeChoice.OURS}) == [
        "conflict: b"
    ]


def test_names_of_a_union_avoid_what_is_there() -> None:
    assert union_names(b"a.csv") == (b"a.ours.csv", b"a.theirs.csv")
    assert union_names(b"a.csv", {b"a.theirs.csv"}) == (b"a.ours2.csv", b"a.theirs2.csv")
    assert all(len(one) <= 255 for one in union_names(b"x" * 255))


def test_a_conflict_emits_no_tree() -> None:
    trees = Trees()
    made = [trees.make(one) for one in ({"a": "1"}, {"a": "2", "b": "4"}, {"a": "3", "c": "5"})]
    emitted: list[Oid] = []
    found = merge(*made, read=trees.read, emit=lambda oid, _: emitted.append(oid))
    assert found.entry is None
    assert emitted == []


def test_only_what_both_sides_changed_is_read() -> None:
    base = {f"d{number}/in/f{file}": f"{number} {file}" for number in range(10) for file in range(3)}
    ours = {**base, "d1/in/new": "x", "d2/in/f0": "ours"}
    theirs = {**base, "d2/in/f1": "theirs", "d3/in/f0": "y"}
    trees = Trees()
    found = trees.merge(base, ours, theirs)
    assert found.entry is not None
    # The root, d2 and d2/in, on three sides; nothing else.
    assert len(trees.read_oids) == 9
    assert trees.told(found.entry) == trees.told(trees.make({**ours, "d2/in/f1": "theirs", "d3/in/f0": "y"}))


def test_sides_of_which_one_did_nothing_are_not_read_at_all() -> None:
    trees = Trees()
    found = trees.merge({"a": "1"}, {"a": "1"}, {"a": "2"})
    assert found.entry == trees.make({"a": "2"})
    assert trees.read_oids == []


def test_a_large_flat_directory_is_cut_in_shards_again() -> None:
    base = {f"f{number:05}": str(number) for number in range(10_050)}
    assert_merges(
        base, {**base, "f00001": "ours"}, {**base, "new": "theirs"}, {**base, "f00001": "ours", "new": "theirs"}
    )


# -- against a model

_PATHS = [f"{folder}f{number}" for folder in ("", "d/", "d/e/", "g/") for number in range(3)]
_trees = st.dictionaries(st.sampled_from(_PATHS), st.integers(0, 3), min_size=1)


def _unlike(files: Mapping[str, int]) -> dict[str, str]:
    """Content that is nowhere else, so that nothing is taken for a rename."""
    return {path: f"{path} {number}" for path, number in files.items()}


@given(_trees, _trees, _trees)
def test_every_path_is_merged_by_itself(base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]) -> None:
    wanted, conflicts = {}, set()
    for path in base.keys() | ours.keys() | theirs.keys():
        old, left, right = (files.get(path) for files in (base, ours, theirs))
        if left != right and old not in (left, right):
            conflicts.add(path.encode())
        wanted[path] = right if left == old else left
    trees = Trees()
    found = trees.merge(_unlike(base), _unlike(ours), _unlike(theirs))
    assert {one.path for one in found.conflicts} == conflicts
    if not conflicts:
        kept = _unlike({path: number for path, number in wanted.items() if number is not None})
        files = {path: one for path, one in trees.told(found.entry).items() if one[0] is not Kind.DIRECTORY}
        assert files == {path: (Kind.FILE, Oid.of(text.encode())) for path, text in kept.items()}
        assert found.entry is not None
        assert (found.entry.files - _empty(trees, found.entry), found.entry.size) == _totals(kept)


def _empty(trees: Trees, root: Entry) -> int:
    """Leaves that are counted though they are no files: none, since an empty directory has no files."""
    return sum(one.files for _, one in leaves(root, trees.read) if one.kind is Kind.DIRECTORY)


def _totals(files: Mapping[str, str]) -> tuple[int, int]:
    return len(files), sum(len(text) for text in files.values())


_WILD = st.dictionaries(st.sampled_from(["a", "a/b", "a/b/c", "d", "d/a", "e"]), st.integers(0, 2), max_size=4)


def _possible(files: Mapping[str, int]) -> dict[str, str]:
    """Without those that would need a file to be a directory as well."""
    return {path: "x" * n for path, n in files.items() if not any(other.startswith(path + "/") for other in files)}


@given(_WILD, _WILD, _WILD, st.sampled_from(MergeChoice))
def test_any_trees_merge_once_all_is_decided(
    base: dict[str, int], ours: dict[str, int], theirs: dict[str, int], choice: MergeChoice
) -> None:
    trees = Trees()
    three = [trees.make(_possible(one)) for one in (base, ours, theirs)]
    found = merge(*three, read=trees.read, emit=trees.emit, choose=lambda _: choice)
    assert found.conflicts == ()
    assert found.entry is not None
    told = dict(leaves(found.entry, trees.read))
    assert sum(one.size for one in told.values()) == found.entry.size
    assert merge(three[0], three[1], three[0], read=trees.read, emit=trees.emit).entry == three[1]
    assert merge(three[0], three[0], three[2], read=trees.read, emit=trees.emit).entry == three[2]
    assert merge(three[0], three[1], three[1], read=trees.read, emit=trees.emit).entry == three[1]
    one, other = (merge(three[0], *sides, read=trees.read, emit=trees.emit) for sides in (three[1:], three[:0:-1]))
    assert one.entry == other.entry
    assert one.conflicts == tuple(TreeConflict(c.path, c.base, c.theirs, c.ours) for c in other.conflicts)
