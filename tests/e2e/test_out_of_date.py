"""A pointer that moved is told from data that changed: real clones with all hooks, and every way a pointer moves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from githooks import git_says, put_dver_on_path
from support import Run, git, make_git_repo

OLD, NEW = "old\n", "the new version\n"


@pytest.fixture
def clones(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The clones of two people: in both, the first version of `m.bin` and `data`; the other has pushed a second one."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    git("init", "-q", "--bare", "-b", "main", tmp_path / "hub.git", cwd=tmp_path)
    other = make_git_repo(tmp_path / "other")
    git("remote", "add", "origin", "../hub.git", cwd=other)
    run("init", cwd=other)
    run("remote", "add", "-d", "store", "../remote", cwd=other)
    _write(other, OLD)
    run("add", "m.bin", "data", cwd=other)
    git("add", "-A", cwd=other)
    git("commit", "-qm", "Old", cwd=other)
    run("push", cwd=other)
    git_says(other, "push", "-q", "-u", "origin", "main")
    git("clone", "-q", "hub.git", "mine", cwd=tmp_path)
    mine = tmp_path / "mine"
    for key, value in (("user.name", "me"), ("user.email", "me@example.org")):
        git("config", key, value, cwd=mine)
    run("install", cwd=mine)
    run("pull", cwd=mine)
    _write(other, NEW)
    run("add", "-u", cwd=other)
    git("commit", "-qm", "New", cwd=other)
    run("push", cwd=other)
    git_says(other, "push", "-q")
    return mine, other


def _write(repo: Path, text: str) -> None:
    (repo / "data" / "sub").mkdir(parents=True, exist_ok=True)
    (repo / "m.bin").write_text(text)
    (repo / "data" / "a").write_text(text)
    (repo / "data" / "sub" / "b").write_text("same\n")


def _pointers(repo: Path, rev: str = "HEAD") -> str:
    return "".join(git("show", f"{rev}:{name}.dver", cwd=repo) for name in ("m.bin", "data"))


def _states(run: Run, repo: Path) -> dict[str, str]:
    return {one["path"]: one["data"] for one in run("status", "--json", cwd=repo).json["paths"]}


def _commit_something_else(repo: Path) -> str:
    (repo / "notes.txt").write_text("mine\n")
    git("add", "notes.txt", cwd=repo)
    return git_says(repo, "commit", "-m", "Notes")


OUT_OF_DATE = {"data": "out of date", "m.bin": "out of date"}


def test_after_a_pull_the_data_is_out_of_date_and_nothing_reverts_the_pointer(
    run: Run, clones: tuple[Path, Path]
) -> None:
    mine, other = clones
    git_says(mine, "pull", "-q")
    assert _states(run, mine) == OUT_OF_DATE
    shown = run("status", "--exit-code", cwd=mine, rc=1).out
    assert "Out of date (`dver pull`):\n  data\n  m.bin\n" in shown
    assert "Data changed" not in shown
    assert "Not in the store" not in shown
    assert not run("diff", "--exit-code", cwd=mine).out
    assert "m.bin is out of date: dver pull m.bin" in _commit_something_else(mine)
    assert "skipped m.bin: it is out of date" in run("add", "-u", cwd=mine).err
    run("config", "set", "hooks.pre_commit", "add", cwd=mine)
    git("commit", "-qam", "Settings", cwd=mine)
    assert _pointers(mine) == _pointers(other)
    assert "dver pull m.bin" in run("add", "m.bin", cwd=mine, rc=4).err
    run("add", "data/a", cwd=mine, rc=4)
    run("pull", cwd=mine)
    assert (mine / "m.bin").read_text() == (mine / "data/a").read_text() == NEW
    assert set(_states(run, mine).values()) == {"unchanged"}


def test_data_that_was_fetched_but_not_checked_out_names_checkout(run: Run, clones: tuple[Path, Path]) -> None:
    mine, _ = clones
    git_says(mine, "pull", "-q")
    run("fetch", cwd=mine)
    assert "Out of date (`dver checkout`):\n  data\n  m.bin\n" in run("status", cwd=mine).out
    assert "dver checkout m.bin" in _commit_something_else(mine)
    run("checkout", cwd=mine)
    assert set(_states(run, mine).values()) == {"unchanged"}


def test_edits_of_the_old_version_are_recorded_only_by_force(run: Run, clones: tuple[Path, Path]) -> None:
    mine, other = clones
    (mine / "m.bin").write_text("my edit\n")
    (mine / "data/mine").write_text("my file\n")
    assert _states(run, mine) == {"data": "modified", "m.bin": "modified"}
    git_says(mine, "pull", "-q")
    diverged = {"data": "diverged", "m.bin": "diverged"}
    assert _states(run, mine) == diverged
    assert (
        "(`dver pull` updates the files that you did not edit, `dver pull --force PATH`" in run("status", cwd=mine).out
    )
    run("config", "set", "hooks.pre_commit", "add", cwd=mine)
    assert "m.bin was edited from another version" in git_says(mine, "commit", "-am", "Settings")
    assert "skipped m.bin: it was edited" in run("add", "-u", cwd=mine).err
    assert _pointers(mine) == _pointers(other)
    run("pull", cwd=mine, rc=None)  # keeps both edits, and brings the rest of data
    assert (mine / "m.bin").read_text() == "my edit\n"
    assert (mine / "data/a").read_text() == NEW
    assert _states(run, mine) == {"data": "modified", "m.bin": "diverged"}
    run("add", "m.bin", cwd=mine, rc=4)
    run("add", "--force", "m.bin", cwd=mine)
    assert _states(run, mine) == {"data": "modified", "m.bin": "unchanged"}


def test_edits_can_be_discarded_as_status_says(run: Run, clones: tuple[Path, Path]) -> None:
    mine, _ = clones
    (mine / "m.bin").write_text("my edit\n")
    git_says(mine, "pull", "-q")
    run("pull", "--force", "m.bin", cwd=mine)
    assert (mine / "m.bin").read_text() == NEW


def test_edits_of_a_file_that_a_colleague_changed_too_are_decided_as_the_messages_say(
    run: Run, clones: tuple[Path, Path]
) -> None:
    mine, _ = clones
    (mine / "data/a").write_text("my edit\n")
    (mine / "data/sub/b").write_text("my other edit\n")
    git_says(mine, "pull", "-q")
    assert "`dver pull` updates the files that you did not edit" in run("status", cwd=mine).out
    assert "dver pull data updates what was not edited" in run("add", "data", cwd=mine, rc=4).err
    said = run("pull", cwd=mine, rc=4).err
    assert "kept 2 paths with unsaved changes:" in said
    assert "data/a  (modified here and in the new version)" in said
    assert "data/sub/b  (modified)" in said
    assert "`dver add --force data/a` keeps your version, `dver checkout --force data/a` takes the new one" in said
    assert "`dver add` saves the others" in said
    run("add", "--force", "data/a", cwd=mine)
    run("add", "data", cwd=mine)
    shown = run("diff", "HEAD", cwd=mine).out.splitlines()
    assert [line.split("  ")[0] for line in shown] == ["M data/a", "M data/sub/b"]
    assert (mine / "data/a").read_text() == "my edit\n"


def test_plain_checkout_keeps_edits_so_status_names_the_one_that_discards_them(
    run: Run, clones: tuple[Path, Path]
) -> None:
    mine, _ = clones
    (mine / "m.bin").write_text("my edit\n")
    assert "Data changed (`dver add -u` records it, `dver checkout --force` discards it)" in run("status", cwd=mine).out
    said = run("checkout", cwd=mine, rc=4).err
    assert "`dver add` saves it, `dver checkout --force` discards it" in said
    run("checkout", "--force", cwd=mine)
    assert (mine / "m.bin").read_text() == OLD


@pytest.mark.parametrize(
    "moves",
    [
        [["reset", "-q", "--hard", "origin/main"]],
        [["rebase", "-q", "origin/main"]],
        [["cherry-pick", "origin/main"]],
        [["checkout", "-q", "origin/main"]],
        [["checkout", "-q", "origin/main", "--", "m.bin.dver", "data.dver"]],
        [["checkout", "-q", "origin/main", "--", "m.bin.dver", "data.dver"], ["stash", "-q"], ["stash", "pop", "-q"]],
        [["restore", "-q", "--source", "origin/main", "m.bin.dver", "data.dver"]],
    ],
    ids=lambda moves: " ".join(moves[-1][:2]),
)
def test_however_the_pointer_moved(run: Run, clones: tuple[Path, Path], moves: list[list[str]]) -> None:
    mine, _ = clones
    (mine / "notes.txt").write_text("mine\n")
    git("add", "notes.txt", cwd=mine)
    git("commit", "-qm", "Notes", cwd=mine)
    git("fetch", "-q", cwd=mine)
    for move in moves:
        git_says(mine, *move)
    assert _states(run, mine) == OUT_OF_DATE
    pointers = [(mine / name).read_bytes() for name in ("m.bin.dver", "data.dver")]
    run("add", "-u", cwd=mine)
    assert [(mine / name).read_bytes() for name in ("m.bin.dver", "data.dver")] == pointers


def test_a_worktree_of_its_own_has_a_record_of_its_own(run: Run, clones: tuple[Path, Path]) -> None:
    mine, _ = clones
    git_says(mine, "worktree", "add", "-q", "../tree")
    tree = mine.with_name("tree")
    assert (tree / "m.bin").read_text() == OLD
    git_says(tree, "pull", "-q", "origin", "main")
    assert _states(run, tree) == OUT_OF_DATE
    assert set(_states(run, mine).values()) == {"unchanged"}


def test_a_part_of_a_directory_is_out_of_date_as_well(run: Run, clones: tuple[Path, Path]) -> None:
    mine, other = clones
    git_says(mine.parent, "clone", "-q", "-n", "hub.git", "part")
    part = mine.with_name("part")
    git_says(part, "checkout", "-q", "HEAD~1")
    run("pull", "data/a", cwd=part)
    git_says(part, "checkout", "-q", "main")
    assert _states(run, part)["data"] == "out of date"
    run("add", "-u", cwd=part)
    assert _pointers(other) == "".join((part / name).read_text() for name in ("m.bin.dver", "data.dver"))
    run("pull", "data/a", cwd=part)
    assert (part / "data/a").read_text() == NEW
    assert _states(run, part)["data"] == "unchanged"


def test_a_first_download_that_failed_is_not_a_deletion(run: Run, clones: tuple[Path, Path]) -> None:
    mine, _ = clones
    git_says(mine.parent, "clone", "-q", "hub.git", "fresh")
    fresh = mine.with_name("fresh")
    run("fetch", "data/sub", cwd=fresh)
    run("checkout", "data", cwd=fresh, rc=None)
    shutil.rmtree(fresh / "data" / "sub", ignore_errors=True)
    before = (fresh / "data.dver").read_bytes()
    run("add", "-u", cwd=fresh, rc=None)
    assert (fresh / "data.dver").read_bytes() == before


def test_recording_one_file_leaves_the_others_out_of_date(run: Run, clones: tuple[Path, Path]) -> None:
    mine, _ = clones
    git_says(mine, "pull", "-q")
    run("fetch", cwd=mine)
    (mine / "data/new").write_text("new\n")
    run("add", "data/new", cwd=mine)
    assert _states(run, mine)["data"] == "out of date"
    run("checkout", cwd=mine)
    assert (mine / "data/a").read_text() == NEW
    assert (mine / "data/new").read_text() == "new\n"


@pytest.fixture
def pipelines(run: Run, clones: tuple[Path, Path]) -> tuple[Path, Path]:
    """In both clones a stage that copies `m.bin`; the other has run it on a third version, and pushed."""
    mine, other = clones
    (other / "dver.yaml").write_text("stages:\n  copy: {cmd: cp m.bin made, deps: [m.bin], outs: [made]}\n")
    _save(run, other)
    git_says(mine, "pull", "-q")
    run("pull", cwd=mine)
    (other / "m.bin").write_text("a third version\n")
    _save(run, other)
    git_says(mine, "pull", "-q")
    return mine, other


def _save(run: Run, repo: Path) -> None:
    run("add", "-u", cwd=repo)
    run("repro", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Run", cwd=repo)
    run("push", cwd=repo)
    git_says(repo, "push", "-q")


def test_outputs_and_dependencies_may_be_out_of_date(run: Run, pipelines: tuple[Path, Path]) -> None:
    mine, other = pipelines
    assert _states(run, mine) == {"data": "unchanged", "m.bin": "out of date", "made": "out of date"}
    shown = run("status", cwd=mine).out
    assert "Out of date (`dver pull`):\n  m.bin\n  made\n" in shown
    assert "Stages out of date" not in shown
    assert "made is out of date: dver pull made" in _commit_something_else(mine)
    assert "reads m.bin, which is out of date" in run("repro", cwd=mine, rc=None).err
    assert "dver pull" in run("commit", "copy", cwd=mine, rc=None).err
    run("commit", cwd=mine, rc=None)
    assert (mine / "dver.lock").read_bytes() == (other / "dver.lock").read_bytes()
    run("pull", cwd=mine)
    assert (mine / "made").read_text() == "a third version\n"
    run("repro", cwd=mine)
    assert (mine / "dver.lock").read_bytes() == (other / "dver.lock").read_bytes()
    assert run("status", "--exit-code", cwd=mine).rc == 0


def test_repro_with_pull_updates_what_is_out_of_date(run: Run, pipelines: tuple[Path, Path]) -> None:
    mine, other = pipelines
    run("repro", "--pull", cwd=mine)
    assert (mine / "made").read_text() == "a third version\n"
    assert (mine / "dver.lock").read_bytes() == (other / "dver.lock").read_bytes()
