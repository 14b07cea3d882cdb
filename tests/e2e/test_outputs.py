"""What stages make is tracked data: pushed, pulled, checked out, kept by gc, and it follows the lock that names it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from githooks import git_says, put_dver_on_path, write_hooks
from support import Run, Templates, git, make_git_repo

STAGES = """\
stages:
  split:
    cmd: mkdir out && cp raw out/a && cp raw out/b
    deps: [raw]
    outs: [out]
  train:
    cmd: cat out/a out/b > model && wc -c < model > score
    deps: [out]
    outs: [model]
    metrics:
    - score: {cache: false}
"""


def made_of(raw: str) -> dict[str, str]:
    """What the stages make of it."""
    return {"out/a": raw, "out/b": raw, "model": raw * 2}


def here(repo: Path) -> dict[str, str]:
    """What there is of what the stages make."""
    return {name: (repo / name).read_text() for name in ("out/a", "out/b", "model") if (repo / name).exists()}


def make(run: Run, repo: Path, raw: str) -> None:
    """Record other data, run all stages, and commit that."""
    (repo / "raw").write_text(raw)
    run("add", "raw", cwd=repo)
    run("repro", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", raw, cwd=repo)


@pytest.fixture
def repo(run: Run, templates: Templates, tmp_path: Path) -> Path:
    """A project with a remote, and two commits, of which the second is tagged `two`, the first `one`."""

    def build(repo: Path) -> None:
        make_git_repo(repo)
        run("init", "--no-hooks", cwd=repo)
        run("remote", "add", "-d", "origin", "../remote", cwd=repo)
        (repo / "dver.yaml").write_text(STAGES)
        for name in ("one", "two"):
            make(run, repo, name)
            git("tag", name, cwd=repo)

    return templates.copy("outputs", tmp_path / "repo", build)


def clone_of(repo: Path, name: str = "clone") -> Path:
    git("clone", "-q", repo, repo.parent / name, cwd=repo)
    return repo.parent / name


def collect(run: Run, repo: Path) -> None:
    run("gc", "--grace", "0h", cwd=repo)


# -- remotes


def test_outputs_are_pushed_and_pulled(run: Run, repo: Path) -> None:
    run("push", cwd=repo)
    assert json.loads(run("check", "available", "--remote", "--json", cwd=repo).out)["absent"] == []
    clone = clone_of(repo)
    run("pull", cwd=clone)
    assert here(clone) == made_of("two")
    assert run("status", "--exit-code", cwd=clone).rc == 0
    assert git("status", "--porcelain", cwd=clone) == ""


def test_outputs_of_all_commits_are_pushed_and_fetched_when_asked_for(run: Run, repo: Path) -> None:
    run("push", "--all-commits", cwd=repo)
    clone = clone_of(repo)
    run("fetch", "--all-commits", cwd=clone)
    git("checkout", "-q", "one", cwd=clone)
    run("checkout", cwd=clone)
    assert here(clone) == made_of("one")


def test_one_output_or_a_part_of_it_is_fetched_alone(run: Run, repo: Path) -> None:
    run("push", cwd=repo)
    clone = clone_of(repo)
    run("pull", "out/a", cwd=clone)
    assert here(clone) == {"out/a": "two"}


def test_what_a_revision_made_is_checked_out_and_the_lock_stays(run: Run, repo: Path) -> None:
    lock = (repo / "dver.lock").read_bytes()
    run("checkout", "one", cwd=repo)
    assert here(repo) == made_of("one")
    assert (repo / "dver.lock").read_bytes() == lock
    assert not list(repo.glob("*model.dver"))
    assert "model" in run("status", cwd=repo).out
    run("checkout", cwd=repo)
    assert here(repo) == made_of("two")


def test_an_output_may_belong_nowhere_or_on_another_remote(run: Run, repo: Path) -> None:
    run("remote", "add", "other", "../other", cwd=repo)
    text = STAGES.replace("outs: [out]", "outs: [out: {push: false}]")
    (repo / "dver.yaml").write_text(text.replace("outs: [model]", "outs: [model: {remote: other}]"))
    run("repro", "--force", cwd=repo)
    run("push", cwd=repo)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Remotes", cwd=repo)
    clone = clone_of(repo)
    run("fetch", "model", "raw", cwd=clone)
    run("checkout", "model", cwd=clone)
    assert here(clone) == {"model": "twotwo"}
    run("pull", "out", cwd=clone, rc=5)


def test_an_output_that_is_here_in_part_is_up_to_date_and_nobody_records_the_part(run: Run, repo: Path) -> None:
    run("push", cwd=repo)
    clone = clone_of(repo)
    run("pull", "out/a", "raw", "model", cwd=clone)
    run("repro", cwd=clone)
    assert (clone / "dver.lock").read_bytes() == (repo / "dver.lock").read_bytes()
    assert not (clone / "out/b").exists()
    (clone / "out/a").write_text("by hand")
    said = run("commit", "split", cwd=clone, rc=None).err
    assert "only a part of it is checked out" in said
    (clone / "dver.yaml").write_text(STAGES.replace("cat out/a out/b", "cat out/b out/a"))
    (clone / "out/a").write_text("two")
    assert "dver pull out" in run("repro", cwd=clone, rc=None).err
    run("pull", "out", cwd=clone)
    run("repro", cwd=clone)
    assert here(clone) == made_of("two")


# -- gc


def test_gc_keeps_the_outputs_of_all_commits(run: Run, repo: Path) -> None:
    collect(run, repo)
    for name in ("one", "two"):
        git("checkout", "-q", name, cwd=repo)
        run("checkout", cwd=repo)
        assert here(repo) == made_of(name)
    assert run("fsck", cwd=repo).rc == 0


def test_gc_keeps_what_only_a_lock_on_disk_or_in_the_index_names(run: Run, repo: Path) -> None:
    for stage, raw in ((True, "three"), (False, "four")):
        (repo / "raw").write_text(raw)
        run("repro", cwd=repo)
        if not stage:
            git("reset", "-q", cwd=repo)
        (repo / ".git/dver/placed.json").unlink()
        shutil.rmtree(repo / "out")
        (repo / "model").unlink()
        collect(run, repo)
        run("checkout", "out", "model", cwd=repo)
        assert here(repo) == made_of(raw)


def test_gc_keeps_what_a_lock_with_conflict_markers_names(run: Run, repo: Path) -> None:
    lock = (repo / "dver.lock").read_text()
    git("commit", "-qm", "No lock", "--", ".", cwd=repo) if git("rm", "-q", "--cached", "dver.lock", cwd=repo) else None
    (repo / "dver.lock").write_text(lock)
    (repo / ".git/dver/placed.json").unlink()
    collect(run, repo)
    assert here(repo) == made_of("two")
    run("checkout", "model", "--force", cwd=repo)


def test_gc_takes_what_no_lock_names_any_more_although_the_run_cache_does(run: Run, repo: Path) -> None:
    git("tag", "-d", "one", "two", cwd=repo)
    git("reset", "-q", "--hard", "HEAD~1", cwd=repo)
    run("checkout", cwd=repo)
    assert here(repo) == made_of("one")
    git("reflog", "expire", "--expire=now", "--all", cwd=repo)
    (repo / ".git/ORIG_HEAD").unlink(missing_ok=True)
    said = run("gc", "--dry-run", "-v", cwd=repo).out
    assert "model" in said
    collect(run, repo)
    (repo / "raw").write_text("two")
    ran = run("repro", cwd=repo)
    assert "restored" not in ran.out
    assert here(repo) == made_of("two")


def test_the_run_cache_of_a_shared_store_is_open_to_others_and_stands_in_nobodys_way(run: Run, repo: Path) -> None:
    store = repo.parent / "store"
    run("config", "set", "cache.dir", "../store", cwd=repo)
    run("config", "set", "cache.shared", "group", cwd=repo)
    old = os.umask(0o077)
    try:
        run("repro", "--force", cwd=repo)
    finally:
        os.umask(old)
    assert all(folder.stat().st_mode & 0o070 == 0o070 for folder in (store / "runs", *(store / "runs").iterdir()))
    collect(run, repo)
    assert "not writable for others" not in run("doctor", "--offline", cwd=repo, rc=None).out
    assert here(repo) == made_of("two")
    (repo / "model").unlink()
    run("checkout", "model", cwd=repo)
    assert here(repo) == made_of("two")


def test_remote_gc_keeps_outputs(run: Run, repo: Path) -> None:
    run("push", "--all-commits", cwd=repo)
    for _ in range(2):
        run("gc", "--remote", "origin", "--grace", "0h", "--offline", cwd=repo)
    clone = clone_of(repo)
    run("pull", cwd=clone)
    assert here(clone) == made_of("two")
    run("fetch", "--all-commits", cwd=clone)


def test_fsck_tells_which_outputs_of_which_commits_damage_hurts(run: Run, repo: Path) -> None:
    git("checkout", "-q", "one", cwd=repo)
    run("checkout", cwd=repo)
    (old,) = (one["oid"] for one in json.loads(run("ls", "model", "--json", cwd=repo).out))
    git("checkout", "-q", "main", cwd=repo)
    run("checkout", cwd=repo)
    for pack in (repo / ".git/dver/store/packs").glob("**/*.pack"):
        pack.unlink()
    found = json.loads(run("fsck", "--json", cwd=repo).out)
    assert (old, "model") in {(one["oid"], one["path"]) for one in found["missing"]}
    assert found["stray_files"] == []


# -- following


@pytest.fixture
def hooked(run: Run, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with hooks that have data follow."""
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    write_hooks(repo)
    return repo


def test_outputs_follow_their_lock(hooked: Path) -> None:
    for name in ("one", "two", "one"):
        git_says(hooked, "checkout", "-q", name)
        assert here(hooked) == made_of(name)
        assert (hooked / "score").read_text().strip() == "6"
    git_says(hooked, "checkout", "-q", "one~1")
    assert here(hooked) == {}
    git_says(hooked, "checkout", "-q", "two")
    assert here(hooked) == made_of("two")


def test_an_output_that_was_changed_and_is_saved_nowhere_stays(run: Run, hooked: Path) -> None:
    (hooked / "model").write_text("by hand")
    (hooked / "out" / "mine").write_text("mine")
    git_says(hooked, "checkout", "-q", "one")
    assert here(hooked) == {**made_of("one"), "model": "by hand"}
    assert (hooked / "out" / "mine").read_text() == "mine"
    assert "model" in run("checkout", cwd=hooked, rc=None).err


def test_what_repro_just_made_follows_as_what_a_checkout_put_there(run: Run, hooked: Path) -> None:
    make(run, hooked, "three")
    git_says(hooked, "checkout", "-q", "one")
    assert here(hooked) == made_of("one")
    git_says(hooked, "stash", "list")


def test_an_output_that_is_left_to_git_is_never_touched(run: Run, hooked: Path) -> None:
    (hooked / "dver.yaml").write_text(STAGES.replace("outs: [model]", "outs: [model: {cache: false}]"))
    run("repro", cwd=hooked)
    run("checkout", cwd=hooked)
    git_says(hooked, "checkout", "-q", "-b", "more")
    assert (hooked / "model").read_text() == "twotwo"


def test_outputs_stay_while_their_lock_is_in_conflict_or_broken(hooked: Path) -> None:
    lock = (hooked / "dver.lock").read_text()
    for text in ("<<<<<<< ours\n" + lock, "stages: what\n"):
        (hooked / "dver.lock").write_text(text)
        git_says(hooked, "commit", "-qam", "Broken", "--no-verify")
        git_says(hooked, "checkout", "-q", "-b", f"b{len(text)}")
        git_says(hooked, "reset", "-q", "--hard")
        assert here(hooked) == made_of("two")


def test_outputs_follow_what_is_decided_about_their_stage(run: Run, hooked: Path) -> None:
    (hooked / ".gitattributes").write_text("*.dver merge=dver\ndver.lock merge=dver\n")
    git("config", "merge.dver.driver", "dver merge-driver %O %A %B %L %P", cwd=hooked)
    git("add", "-A", cwd=hooked)
    git("commit", "-qm", "Drivers", cwd=hooked)
    git_says(hooked, "checkout", "-q", "-b", "other")
    make(run, hooked, "three")
    git_says(hooked, "checkout", "-q", "main")
    make(run, hooked, "four")
    git_says(hooked, "merge", "other", rc=1)
    assert here(hooked) == made_of("four")
    assert "conflict: dver.lock" in run("status", cwd=hooked).out
    run("resolve", ".", "--theirs", cwd=hooked)
    assert here(hooked) == made_of("three")
    git_says(hooked, "checkout", "--theirs", "score")
    git_says(hooked, "commit", "-qam", "Merged", "--no-verify")
    assert run("status", "--exit-code", cwd=hooked).rc == 0


# -- looking


def test_outputs_are_listed_printed_and_compared(run: Run, repo: Path) -> None:
    listed = run("ls", cwd=repo).out.split()
    assert {"out", "model", "raw"} <= {one.rstrip("/") for one in listed}
    assert "score" not in listed
    assert run("cat", "model", cwd=repo).out == "twotwo"
    assert run("cat", "out/a", "--rev", "one", cwd=repo).out == "one"
    assert "model" in run("diff", "one", "two", cwd=repo).out


def test_a_lock_stands_for_all_outputs_that_it_names(run: Run, repo: Path) -> None:
    (repo / "raw").write_text("changed")
    for name in ("out", "model"):
        shutil.rmtree(repo / name) if name == "out" else (repo / name).unlink()
    run("checkout", "dver.lock", cwd=repo)
    assert here(repo) == made_of("two")
    found = json.loads(run("status", "dver.lock", "--json", cwd=repo).out)["paths"]
    assert [one["path"] for one in found] == ["model", "out"]


def test_status_tells_of_outputs_by_their_lock(run: Run, repo: Path) -> None:
    assert run("status", "--exit-code", cwd=repo).rc == 0
    (repo / "model").write_text("by hand")
    said = run("status", cwd=repo).out
    assert "Outputs changed (`dver repro` restores them, `dver commit` records them" in said
    found = {one["path"]: one for one in json.loads(run("status", "--json", cwd=repo).out)["paths"]}
    assert (found["model"]["data"], found["model"]["stage"], found["model"]["lock"]) == (
        "modified",
        "train",
        "dver.lock",
    )
    assert found["raw"]["stage"] is None
    (repo / "raw").write_text("three")
    run("repro", cwd=repo)
    assert "modified: model in dver.lock" in run("status", cwd=repo).out
    git("reset", "-q", cwd=repo)
    assert "Not staged (`git add`):\n  modified: model in dver.lock" in run("status", cwd=repo).out


def test_a_clone_says_that_outputs_are_not_there_yet(run: Run, repo: Path) -> None:
    clone = clone_of(repo)
    said = run("status", cwd=clone).out
    assert "Not in the workspace (`dver pull`):\n  model\n  out\n" in said


def test_a_commit_beside_a_changed_output_goes_on_and_says_so(run: Run, repo: Path) -> None:
    (repo / "model").write_text("by hand")
    (repo / "code").write_text("")
    run("config", "set", "hooks.pre_commit", "add", cwd=repo)
    git("add", "code", cwd=repo)
    assert "model differs from the output of stage train: dver repro model" in run("hook", "pre-commit", cwd=repo).err
    assert not (repo / "model.dver").exists()


def test_a_revert_of_what_was_never_pulled_is_not_refused(run: Run, repo: Path) -> None:
    git("remote", "add", "origin", repo, cwd=repo)
    clone = clone_of(repo)
    git("revert", "-n", "HEAD", cwd=clone)
    assert run("hook", "pre-commit", cwd=clone).err == ""


# -- refusals


@pytest.mark.parametrize(
    "args", [("add", "model"), ("add", "out/a"), ("add", "-u", "model"), ("remove", "out"), ("move", "model", "new")]
)
def test_what_a_stage_makes_is_not_recorded_by_hand(run: Run, repo: Path, args: tuple[str, ...]) -> None:
    said = run(*args, cwd=repo, rc=2).err
    assert "an output of stage" in said
    assert "dver repro" in said
    assert "dver commit" in said
    assert git("status", "--porcelain", cwd=repo) == ""


def test_recording_all_that_changed_leaves_outputs_to_their_stages(run: Run, repo: Path) -> None:
    for name in ("raw", "model"):
        (repo / name).write_text("changed")
    run("add", "-u", cwd=repo)
    assert git("status", "--porcelain", cwd=repo) == "M  raw.dver\n"


def test_a_folder_with_outputs_in_it_is_not_added(run: Run, repo: Path) -> None:
    (repo / "dver.yaml").write_text("stages:\n  one: {cmd: mkdir -p all && echo 1 > all/one, outs: [all/one]}\n")
    run("repro", cwd=repo)
    assert "'all' contains outputs of stages" in run("add", "all", cwd=repo, rc=4).err


def test_a_stage_must_not_make_what_is_tracked_by_itself(run: Run, repo: Path) -> None:
    (repo / "dver.yaml").write_text("stages:\n  one: {cmd: echo > raw, outs: [raw]}\n")
    said = run("repro", cwd=repo, rc=9).err
    assert "dver.yaml:2:" in said
    assert "'raw.dver'" in said
    assert (repo / "raw").read_text() == "two"


def test_what_a_pointer_and_a_lock_name_is_an_error_that_names_both(run: Run, repo: Path) -> None:
    shutil.copy(repo / "raw.dver", repo / "model.dver")
    for args in (("status",), ("push",), ("checkout",), ("ls",)):
        said = run(*args, cwd=repo, rc=4).err
        assert "'dver.lock'" in said
        assert "'model.dver'" in said
    assert "'model.dver'" in run("doctor", "--offline", cwd=repo, rc=None).out
    (repo / "model.dver").unlink()
    lock = (repo / "dver.lock").read_text().replace("path: model", "path: raw/model")
    (repo / "dver.lock").write_text(lock)
    assert "'raw.dver' and 'dver.lock' track raw and raw/model in it" in run("status", cwd=repo, rc=4).err


def test_a_stage_that_moves_to_another_file_takes_its_outputs_along(run: Run, repo: Path) -> None:
    (repo / "dver.yaml").write_text("stages: {}\n")
    (repo / "sub").mkdir()
    (repo / "sub" / "dver.yaml").write_text(
        STAGES.replace("stages:\n", "stages:\n").replace("cmd:", "wdir: ..\n    cmd:")
    )
    run("repro", cwd=repo)
    git("add", "-A", cwd=repo)
    assert run("status", cwd=repo).out
    assert here(repo) == made_of("two")
    git("commit", "-qm", "Moved", cwd=repo)
    assert run("status", "--exit-code", cwd=repo).rc == 0


@pytest.mark.parametrize("change", [lambda text: "<<<<<<< ours\n" + text, lambda text: "what\n"])
def test_a_lock_that_cannot_be_read_is_told_of(run: Run, repo: Path, change: Callable[[str], str]) -> None:
    lock = repo / "dver.lock"
    lock.write_text(change(lock.read_text()))
    said = run("status", cwd=repo, rc=None).err
    assert "dver.lock" in said
    assert "dver.lock" in run("doctor", "--offline", cwd=repo, rc=None).out
    collect(run, repo)
    git("checkout", "-q", "dver.lock", cwd=repo)
    assert run("status", "--exit-code", cwd=repo).rc == 0
    assert run("fsck", cwd=repo).rc == 0


def test_a_checkout_that_keeps_outputs_names_the_command_that_records_them(run: Run, repo: Path) -> None:
    (repo / "model").write_text("by hand")
    (repo / "out/a").write_text("by hand, too")
    said = run("checkout", cwd=repo, rc=4).err
    assert "`dver commit train split` saves them" in said or "`dver commit split train` saves them" in said
    assert "dver add" not in said
    (repo / "raw").write_text("other data")
    assert "`dver add` and `dver commit " in run("checkout", cwd=repo, rc=4).err
    run("commit", "-f", "split", "train", cwd=repo)
    assert "dver commit" not in run("checkout", cwd=repo, rc=4).err
