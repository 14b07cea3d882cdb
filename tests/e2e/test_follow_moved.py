"""Data that was moved together with its pointer, without dver, follows when Git goes back and forth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from githooks import FOLLOWING, git_says, put_dver_on_path, write_hooks
from support import Run, git, make_git_repo

from dver.git.git_repo import discover
from dver.ops.git.follow import follow

DATA = {"d/m.bin": "model", "d/images/1": "one", "d/images/2": "two"}
MOVED = {f"e/{path.removeprefix('d/')}": text for path, text in DATA.items()}


def _write(repo: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)


def _data(repo: Path) -> dict[str, str]:
    """All files that Git does not track."""
    listed = git("ls-files", "-z", "--others", cwd=repo).split("\0")
    return {path: (repo / path).read_text() for path in listed if path}


def _untracked(repo: Path) -> str:
    return git("status", "--porcelain", cwd=repo)


@pytest.fixture
def repo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a file and a directory in `d`, and a branch `bare` without data."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    repo = make_git_repo(tmp_path / "repo")
    git("branch", "bare", cwd=repo)
    run("init", cwd=repo)
    _write(repo, DATA)
    run("add", "d/m.bin", "d/images", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    write_hooks(repo)
    return repo


def _rename(repo: Path) -> None:
    git("mv", "d", "e", cwd=repo)
    git("commit", "-qm", "Rename", cwd=repo)


def _add_stages(run: Run, repo: Path) -> None:
    """Two stages in `d` with the same output."""
    stage = "  {0}:\n    cmd: cp source {0}\n    deps: [source]\n    outs: [{0}]\n"
    _write(repo, {"d/dver.yaml": "stages:\n" + stage.format("copy") + stage.format("twin"), "d/source": "source"})
    run("repro", "d/dver.yaml", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Stages", cwd=repo)


def test_a_checkout_of_the_commit_before_a_rename_takes_the_data_along(repo: Path) -> None:
    _rename(repo)
    assert _data(repo) == MOVED
    said = git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == DATA
    assert "dver: files: 3 created, 3 removed" in said
    assert _untracked(repo) == ""
    git_says(repo, "checkout", "main")
    assert _data(repo) == MOVED
    assert _untracked(repo) == ""


@pytest.mark.parametrize(
    "back", [("reset", "--hard", "HEAD~1"), ("revert", "--no-edit", "HEAD"), ("switch", "-q", "-c", "old", "HEAD~1")]
)
def test_however_git_goes_back(repo: Path, back: tuple[str, ...]) -> None:
    _rename(repo)
    git_says(repo, *back)
    assert _data(repo) == DATA
    assert _untracked(repo) == ""


def test_a_branch_without_the_data_has_none_after_a_rename(repo: Path) -> None:
    _rename(repo)
    git_says(repo, "checkout", "bare")
    assert _data(repo) == {}
    git_says(repo, "checkout", "main")
    assert _data(repo) == MOVED


def test_a_stash_takes_a_rename_back_and_brings_it_again(repo: Path) -> None:
    git("mv", "d", "e", cwd=repo)
    git_says(repo, "stash")
    assert _data(repo) == DATA
    git_says(repo, "stash", "pop")
    assert _data(repo) == MOVED


def test_data_that_was_moved_with_its_pointer_by_mv_follows(repo: Path) -> None:
    shutil.move(repo / "d" / "m.bin", repo / "n.bin")
    shutil.move(repo / "d" / "m.bin.dver", repo / "n.bin.dver")
    (repo / ".gitignore").write_text("/n.bin\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Rename", cwd=repo)
    git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == DATA
    git_says(repo, "checkout", "main")
    renamed = {"n.bin" if path == "d/m.bin" else path: text for path, text in DATA.items()}
    assert _data(repo) == renamed


def test_unsaved_edits_at_the_new_place_stay_and_are_named(repo: Path) -> None:
    _rename(repo)
    _write(repo, {"e/images/1": "edited", "e/images/new": "new", "e/notes": "notes"})
    said = git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == {**DATA, "e/images/1": "edited", "e/images/new": "new", "e/notes": "notes"}
    assert "e/images/1" in said
    assert "e/images/new" in said
    assert "e/notes" not in said


def test_an_edit_that_was_added_after_the_rename_is_taken_away_and_comes_back(run: Run, repo: Path) -> None:
    git("mv", "d", "e", cwd=repo)
    _write(repo, {"e/m.bin": "better"})
    run("add", "e/m.bin", cwd=repo)
    git("commit", "-qm", "Rename and change", cwd=repo)
    git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == DATA
    git_says(repo, "checkout", "main")
    assert _data(repo) == {**MOVED, "e/m.bin": "better"}


def test_a_linked_worktree_follows_a_rename_of_its_own(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git_says(repo, "worktree", "add", "-q", "-b", "topic", other)
    assert _data(other) == DATA
    _rename(other)
    git_says(other, "checkout", "--detach", "main")
    assert _data(other) == DATA
    git_says(other, "checkout", "topic")
    assert _data(other) == MOVED
    assert _data(repo) == DATA


def test_the_output_of_a_stage_in_a_renamed_directory_follows(run: Run, repo: Path) -> None:
    _add_stages(run, repo)
    _rename(repo)
    git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == {**DATA, "d/copy": "source", "d/twin": "source"}
    assert _untracked(repo) == ""
    git_says(repo, "checkout", "main")
    assert _data(repo) == {**MOVED, "e/copy": "source", "e/twin": "source"}


def test_a_revert_of_a_removed_pointer_brings_the_data_back(repo: Path) -> None:
    git("rm", "-q", "d/m.bin.dver", cwd=repo)
    (repo / "d" / "m.bin").unlink()
    git("commit", "-qm", "Remove", cwd=repo)
    git_says(repo, "revert", "--no-edit", "HEAD")
    assert _data(repo) == DATA


def test_data_whose_pointer_alone_was_removed_is_there_after_the_revert(repo: Path) -> None:
    git("rm", "-q", "d/m.bin.dver", cwd=repo)
    git("commit", "-qm", "Stop tracking", cwd=repo)
    git_says(repo, "revert", "--no-edit", "HEAD")
    assert _data(repo) == DATA


def test_data_that_dver_no_longer_tracks_stays_where_it_is(run: Run, repo: Path) -> None:
    """A deleted file of the same content, whose pointer stays, is no evidence of a move."""
    _write(repo, {"kept": "model"})
    run("add", "kept", cwd=repo)
    git("commit", "-qm", "Twin", cwd=repo)
    (repo / "d" / "m.bin").unlink()
    run("remove", "kept", cwd=repo)
    git_says(repo, "checkout", "HEAD~1")
    assert (repo / "kept").read_text() == "model"
    assert not (repo / "d" / "m.bin").exists()


def test_an_output_comes_back_with_its_lock(run: Run, repo: Path) -> None:
    _add_stages(run, repo)
    git("rm", "-q", "d/dver.lock", cwd=repo)
    (repo / "d" / "copy").unlink()
    git("commit", "-qm", "Remove", cwd=repo)
    git_says(repo, "revert", "--no-edit", "HEAD")
    assert _data(repo) == {**DATA, "d/copy": "source", "d/twin": "source"}


def test_an_output_that_was_deleted_stays_deleted_while_the_lock_has_it(run: Run, repo: Path) -> None:
    _add_stages(run, repo)
    _write(repo, {"d/dver.yaml": (repo / "d" / "dver.yaml").read_text().replace("cp source twin", "echo 2 > twin")})
    run("repro", "d/dver.yaml", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Change a stage", cwd=repo)
    (repo / "d" / "copy").unlink()
    git_says(repo, "checkout", "HEAD~1")
    assert _data(repo) == {**DATA, "d/twin": "source"}


@pytest.fixture
def partial(run: Run, repo: Path, tmp_path: Path) -> Path:
    """A clone with hooks that has one file of the directory."""
    run("remote", "add", "-d", "store", str(tmp_path / "remote"), cwd=repo)
    git("commit", "-qm", "Remote", cwd=repo)
    run("push", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", repo, clone, cwd=tmp_path)
    run("pull", "d/images/1", cwd=clone)
    write_hooks(clone, [*FOLLOWING, "pre-commit"])
    return clone


def test_a_partial_directory_stays_partial_where_it_is_moved_to(run: Run, partial: Path) -> None:
    _rename(partial)
    assert run("add", "-u", cwd=partial).rc == 0
    assert git("status", "--porcelain", cwd=partial) == ""
    git_says(partial, "checkout", "-q", "HEAD~1")
    assert _data(partial) == {"d/images/1": "one"}
    run("add", "-u", cwd=partial)
    assert git("status", "--porcelain", cwd=partial) == ""


def test_a_partial_directory_goes_with_its_pointer_and_what_is_saved_comes_back(run: Run, partial: Path) -> None:
    git_says(partial, "checkout", "-q", "origin/bare")
    assert _data(partial) == {}
    git_says(partial, "checkout", "-q", "main")
    assert _data(partial) == {"d/images/1": "one"}
    run("add", "-u", cwd=partial)
    assert git("status", "--porcelain", cwd=partial) == ""


@pytest.mark.parametrize("back", [("reset", "--hard", "HEAD~1"), ("revert", "--no-edit", "HEAD")])
@pytest.mark.parametrize("rename", [True, False])
def test_a_hook_that_was_interrupted_is_made_up_for_by_the_next(
    repo: Path, monkeypatch: pytest.MonkeyPatch, back: tuple[str, ...], rename: bool
) -> None:
    if rename:
        _rename(repo)
    else:
        git("rm", "-q", "d/m.bin.dver", cwd=repo)
        (repo / "d" / "m.bin").unlink()
        git("commit", "-qm", "Remove", cwd=repo)
    git("-c", "core.hooksPath=/dev/null", *back, cwd=repo)
    with monkeypatch.context() as patch:
        patch.setattr("dver.workspace.checkout.restore.apply_plans", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            follow(discover(repo))
    git_says(repo, "checkout", "-b", "next")
    assert _data(repo) == DATA


def _interrupt(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt
