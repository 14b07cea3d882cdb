"""Finding pointer files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import git

from dver.core.errors import CorruptError
from dver.formats import lock
from dver.git.git_repo import GitRepo, discover
from dver.git.pointers import (
    MAX_BLOB,
    PointerChange,
    blob_id,
    changed_against_head,
    in_commit,
    in_index,
    in_worktree,
    is_pointer_path,
    new_in_each,
    pointers_of_commits,
    read_blobs,
    scan_pointers,
)
from dver.git.revisions import commits, head

NAMES = [
    b"plain",
    b" a b ",
    b"#x",
    b"!x",
    b"[ab]",
    b":(top)",
    b"a*?",
    b"back\\slash",
    b"new\nline",
    b"\xff\xfe",
    b"tab\t",
]


@pytest.fixture
def repo(git_repo: Path) -> GitRepo:
    return discover(git_repo)


def write(repo: GitRepo, path: bytes, content: bytes) -> str:
    """Write a file and give the id of its blob."""
    full = os.path.join(os.fsencode(repo.worktree), path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    Path(os.fsdecode(full)).write_bytes(content)
    return blob_id(repo, content)


def commit(repo: GitRepo, message: str = "change") -> str:
    git("add", "-A", cwd=repo.worktree)
    git("commit", "-q", "-m", message, cwd=repo.worktree)
    return str(head(repo))


def blobs(found: dict[bytes, object]) -> dict[bytes, str]:
    return {path: pointer.blob for path, pointer in found.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "is_one"),
    [(b"a.dver", True), (b"d/a b.dver", True), (b".dver", False), (b"d/.dver", False), (b"dver.yaml", False)],
)
def test_a_pointer_is_known_by_its_name(path: bytes, is_one: bool) -> None:
    assert is_pointer_path(path) is is_one


def test_locks_are_found_wherever_pointers_are(repo: GitRepo) -> None:
    expected = {path: write(repo, path, path) for path in (b"dver.lock", b"a b/dver.lock", b"a b/x.dver")}
    assert blobs(in_worktree(repo)) == expected
    assert list(in_worktree(repo, b"a b")) == [b"a b/dver.lock", b"a b/x.dver"]
    first = commit(repo)
    assert blobs(in_index(repo)) == blobs(in_commit(repo, first)) == blobs(scan_pointers(repo).worktree) == expected
    expected[b"dver.lock"] = write(repo, b"dver.lock", b"other")
    git("add", "-A", cwd=repo.worktree)
    assert list(changed_against_head(repo, first)) == [b"dver.lock"]
    second = commit(repo)
    assert len(pointers_of_commits(repo, [second, first])[b"dver.lock"]) == 2
    assert [path for _, path, _ in new_in_each(repo, [second, first])] == [b"dver.lock"]


def test_a_lock_may_be_larger_than_any_pointer(repo: GitRepo) -> None:
    content = b"x" * (MAX_BLOB + 1)
    blob = write(repo, b"dver.lock", content)
    assert in_worktree(repo)[b"dver.lock"].content == content
    git("add", "-A", cwd=repo.worktree)
    assert read_blobs(repo, [blob], lock.MAX_SIZE) == {blob: content}


def test_pointers_of_every_name_are_found_everywhere(repo: GitRepo) -> None:
    expected = {
        path: write(repo, path, path)
        for name in NAMES
        for path in (name + b".dver", b"d" + name + b"/" + name + b".dver")
    }
    assert blobs(in_worktree(repo)) == expected
    assert in_index(repo) == {}
    commit(repo)
    assert blobs(in_worktree(repo)) == blobs(in_index(repo)) == blobs(in_commit(repo, str(head(repo)))) == expected
    assert {path: pointer.content for path, pointer in in_worktree(repo).items()} == {path: path for path in expected}


def test_a_look_below_a_directory_of_any_name_finds_its_pointers_only(repo: GitRepo) -> None:
    for name in NAMES:
        write(repo, b"d" + name + b"/x/p.dver", name)
    write(repo, b"da/x/p.dver", b"would match [ab]")
    commit(repo)
    for name in NAMES:
        under = b"d" + name
        only = [under + b"/x/p.dver"]
        assert list(in_index(repo, under)) == only
        assert list(in_worktree(repo, under)) == only
        assert list(in_commit(repo, "HEAD", under)) == only


def test_what_is_only_called_like_a_pointer_is_left_out(repo: GitRepo) -> None:
    write(repo, b".dver", b"no name")
    write(repo, b"dir.dver/file", b"a directory")
    write(repo, b"dver.yaml", b"stages")
    write(repo, b"my.dver.lock", b"no lock")
    write(repo, b"sub/dver.lock/file", b"a directory")
    os.symlink("README", repo.worktree / "link.dver")
    os.mkfifo(repo.worktree / "pipe.dver")
    assert in_worktree(repo) == {}
    commit(repo)
    assert in_index(repo) == in_commit(repo, "HEAD") == in_worktree(repo) == {}


def test_an_ignored_pointer_is_not_in_the_worktree(repo: GitRepo) -> None:
    write(repo, b".gitignore", b"ignored.dver\n")
    write(repo, b"ignored.dver", b"x")
    assert in_worktree(repo) == {}


def test_a_deleted_pointer_is_in_the_index_but_not_in_the_worktree(repo: GitRepo) -> None:
    blob = write(repo, b"a.dver", b"x")
    commit(repo)
    (repo.worktree / "a.dver").unlink()
    found = scan_pointers(repo)
    assert (blobs(dict(found.index)), found.worktree) == ({b"a.dver": blob}, {})


def test_a_pointer_behind_a_symbolic_link_is_not_in_the_worktree(repo: GitRepo, tmp_path: Path) -> None:
    write(repo, b"d/a.dver", b"x")
    commit(repo)
    (repo.worktree / "d").rename(tmp_path / "outside")
    (repo.worktree / "d").symlink_to(tmp_path / "outside")
    assert in_worktree(repo) == {}


def test_one_scan_sees_index_and_worktree(repo: GitRepo) -> None:
    old = write(repo, b"a.dver", b"old")
    git("add", "a.dver", cwd=repo.worktree)
    new = write(repo, b"a.dver", b"new")
    untracked = write(repo, b"b.dver", b"untracked")
    # A name made to look like a line of the index.
    odd = b"H 100644 " + b"0" * 40 + b" 0\tc.dver"
    write(repo, odd, b"odd")
    found = scan_pointers(repo)
    assert blobs(dict(found.index)) == {b"a.dver": old}
    assert blobs(dict(found.worktree)) == {b"a.dver": new, b"b.dver": untracked, odd: blob_id(repo, b"odd")}


def test_a_conflict_shows_its_sides(repo: GitRepo) -> None:
    base = write(repo, b"a.dver", b"base\n")
    commit(repo)
    git("checkout", "-q", "-b", "other", cwd=repo.worktree)
    theirs = write(repo, b"a.dver", b"theirs\n")
    commit(repo)
    git("checkout", "-q", "main", cwd=repo.worktree)
    ours = write(repo, b"a.dver", b"ours\n")
    commit(repo)
    git("merge", "-q", "other", cwd=repo.worktree, rc=1)
    pointer = in_index(repo)[b"a.dver"]
    assert (dict(pointer.sides), pointer.blob) == ({1: base, 2: ours, 3: theirs}, ours)


def test_changes_staged_before_the_first_commit_are_all_new(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    repo = discover(tmp_path)
    blob = write(repo, b"a.dver", b"x")
    git("add", "a.dver", cwd=tmp_path)
    assert changed_against_head(repo, head(repo)) == {b"a.dver": PointerChange(None, blob)}


def test_staged_changes_are_told_from_head(repo: GitRepo) -> None:
    old = write(repo, b"changed.dver", b"old")
    gone = write(repo, b"gone.dver", b"gone")
    write(repo, b"same.dver", b"same")
    before = commit(repo)
    new = write(repo, b"changed.dver", b"new")
    (repo.worktree / "gone.dver").unlink()
    added = write(repo, b"d/added.dver", b"added")
    git("add", "-A", cwd=repo.worktree)
    expected = {
        b"changed.dver": PointerChange(old, new),
        b"gone.dver": PointerChange(gone, None),
        b"d/added.dver": PointerChange(None, added),
    }
    assert changed_against_head(repo, before) == expected


def test_a_pointer_that_becomes_a_link_is_gone(repo: GitRepo) -> None:
    old = write(repo, b"a.dver", b"old")
    before = commit(repo)
    (repo.worktree / "a.dver").unlink()
    (repo.worktree / "a.dver").symlink_to("README")
    git("add", "-A", cwd=repo.worktree)
    assert changed_against_head(repo, before) == {b"a.dver": PointerChange(old, None)}


def test_the_pointers_of_a_branched_history_are_those_of_every_commit(repo: GitRepo) -> None:
    for name in ("one", "two", "three"):
        git("checkout", "-q", "-b", name, "main", cwd=repo.worktree)
        for step in range(3):
            write(repo, f"{name}{step % 2}.dver".encode(), f"{name} {step}".encode())
            write(repo, b"shared.dver", f"{name} {step}".encode())
            commit(repo)
    git("merge", "-q", "-s", "ours", "one", "two", cwd=repo.worktree)
    git("rm", "-q", "shared.dver", cwd=repo.worktree)
    write(repo, b"three0.dver", b"only in the merge")
    git("add", "-A", cwd=repo.worktree)
    git("commit", "-q", "--amend", "-m", "merge", cwd=repo.worktree)
    history = commits(repo, all_commits=True)
    one_by_one: dict[bytes, set[str]] = {}
    for commit_id in history:
        for path, pointer in in_commit(repo, commit_id).items():
            one_by_one.setdefault(path, set()).add(pointer.blob)
    assert len(history) == 11
    assert pointers_of_commits(repo, history) == one_by_one
    assert pointers_of_commits(repo, history[::-1]) == one_by_one
    assert pointers_of_commits(repo, history[3:4]) == {
        path: {pointer.blob} for path, pointer in in_commit(repo, history[3]).items()
    }
    assert pointers_of_commits(repo, []) == {}


def test_thousands_of_blobs_are_read_by_one_process(repo: GitRepo) -> None:
    expected = {write(repo, b"%d.dver" % n, b"%d\n" % n * n): b"%d\n" % n * n for n in range(1500)}
    git("add", "-A", cwd=repo.worktree)
    assert read_blobs(repo, expected) == expected
    assert read_blobs(repo, []) == {}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_blob_id_is_the_one_that_git_gives(tmp_path: Path, object_format: str) -> None:
    git("init", "-q", f"--object-format={object_format}", cwd=tmp_path)
    repo = discover(tmp_path)
    for content in (b"", b"hello\n", b"\0\xff"):
        write(repo, b"a.dver", content)
        assert blob_id(repo, content) == git("hash-object", "a.dver", cwd=tmp_path).strip()
    git("add", "a.dver", cwd=tmp_path)
    assert changed_against_head(repo, None) == {b"a.dver": PointerChange(None, blob_id(repo, b"\0\xff"))}
    assert read_blobs(repo, [blob_id(repo, b"\0\xff")]) == {blob_id(repo, b"\0\xff"): b"\0\xff"}


def test_an_absent_blob_is_an_error(repo: GitRepo) -> None:
    with pytest.raises(CorruptError, match="f" * 40):
        read_blobs(repo, ["f" * 40])


def test_a_commit_is_no_blob(repo: GitRepo) -> None:
    with pytest.raises(CorruptError):
        read_blobs(repo, [str(head(repo))])


def test_a_huge_pointer_is_not_read_into_memory(repo: GitRepo) -> None:
    blob = write(repo, b"huge.dver", b"x" * (MAX_BLOB + 1))
    with pytest.raises(CorruptError, match=r"huge\.dver"):
        in_worktree(repo)
    git("add", "-A", cwd=repo.worktree)
    with pytest.raises(CorruptError, match=blob):
        read_blobs(repo, [blob])


def test_the_index_that_a_hook_is_given_is_the_one_that_is_read(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = write(repo, b"a.dver", b"x")
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo.git_dir / "other-index"))
    git("add", "a.dver", cwd=repo.worktree)
    assert blobs(in_index(repo)) == {b"a.dver": blob}
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert in_index(repo) == {}


def test_a_damaged_object_is_an_error_and_no_silence(repo: GitRepo) -> None:
    blob = write(repo, b"a.dver", b"x" * 100)
    git("add", "a.dver", cwd=repo.worktree)
    path = repo.common_dir / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(b"nonsense")
    with pytest.raises(CorruptError, match=blob):
        read_blobs(repo, [blob])
