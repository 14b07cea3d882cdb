"""Real Git merges pointers and lock files through the merge driver, and `dver resolve` ends what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from merging import BASE, clone_without_data, commit, diverge, files, unmerged, use_driver
from support import Run, Templates, git, make_git_repo, run_dver
from workspaces import write

from dver.core.oid import Oid
from dver.formats import lock, pointer
from dver.formats.lock import Lock, LockedItem, LockedStage
from dver.formats.pack import ObjectKind


@pytest.fixture
def repo(templates: Templates, tmp_path: Path) -> Path:
    return templates.copy("merge", tmp_path / "a repo", make_project)


def make_project(repo: Path) -> None:
    make_git_repo(repo)
    run_dver("init", "--no-hooks", cwd=repo)
    use_driver(repo)
    commit(run_dver, repo, BASE, "Base")
    git("branch", "-q", "other", cwd=repo)


def conflicting(run: Run, repo: Path) -> None:
    """Leave a merge in which a.csv and in/c.csv are in conflict, and all else is merged."""
    diverge(
        run,
        repo,
        {**BASE, "a.csv": b"ours\n", "in/c.csv": b"our c\n", "mine": b"m\n"},
        {**BASE, "a.csv": b"theirs\n", "in/c.csv": b"their c\n", "yours": b"y\n"},
    )
    git("merge", "-q", "other", cwd=repo, rc=1)


@pytest.mark.parametrize(
    "command", [("merge", "-q", "--no-edit", "other"), ("rebase", "-q", "other"), ("cherry-pick", "other")]
)
def test_files_that_each_branch_added_are_merged(run: Run, repo: Path, command: tuple[str, ...]) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n", "a.csv": b"A\n"}, {"a.csv": b"a\n", "moved/c.csv": b"c\n"})
    git(*command, cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {"a.csv": b"A\n", "moved/c.csv": b"c\n", "mine": b"m\n"}
    assert git("status", "--porcelain", cwd=repo) == ""
    run("status", "--exit-code", cwd=repo)
    run("fsck", cwd=repo)


def test_a_stash_is_popped_onto_changed_data(run: Run, repo: Path) -> None:
    write(repo / "data", {"stashed": b"s\n"})
    run("add", "data", cwd=repo)
    git("stash", "-q", cwd=repo)
    run("checkout", cwd=repo)
    commit(run, repo, {**BASE, "mine": b"m\n"}, "Ours")
    git("stash", "pop", "-q", cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {**BASE, "mine": b"m\n", "stashed": b"s\n"}


def test_a_stash_in_conflict_is_resolved(run: Run, repo: Path) -> None:
    write(repo / "data", {"a.csv": b"stashed\n"})
    run("add", "data", cwd=repo)
    git("stash", "-q", cwd=repo)
    run("checkout", cwd=repo)
    commit(run, repo, {**BASE, "a.csv": b"committed\n"}, "Ours")
    git("stash", "pop", "-q", cwd=repo, rc=1)
    run("resolve", "data", "--theirs", cwd=repo)
    assert files(repo) == {**BASE, "a.csv": b"stashed\n"}
    assert unmerged(repo) == ""


@pytest.mark.parametrize("command", [("rebase", "-q", "other"), ("cherry-pick", "other")])
def test_a_conflict_in_a_rebase_or_cherry_pick_is_resolved(run: Run, repo: Path, command: tuple[str, ...]) -> None:
    diverge(run, repo, {**BASE, "a.csv": b"main\n"}, {**BASE, "a.csv": b"other\n"})
    git(*command, cwd=repo, rc=1)
    run("resolve", "data", "--theirs", cwd=repo)
    git("-c", "core.editor=true", command[0], "--continue", cwd=repo)
    picked = b"main\n" if command[0] == "rebase" else b"other\n"
    assert files(repo) == {**BASE, "a.csv": picked}


def test_branches_that_both_added_the_data_are_joined(run: Run, repo: Path) -> None:
    git("checkout", "-q", "--orphan", "new", cwd=repo)
    commit(run, repo, {"new": b"n\n"}, "New")
    git("merge", "-q", "--no-edit", "--allow-unrelated-histories", "main", cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {**BASE, "new": b"n\n"}


def test_a_conflict_leaves_both_pointers_between_markers_and_says_how_to_end_it(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "a.csv": b"ours\n"}, {**BASE, "a.csv": b"theirs\n"})
    sides = [git("show", f"{rev}:data.dver", cwd=repo) for rev in ("main", "other")]
    git("merge", "-q", "other", cwd=repo, rc=1)
    text = (repo / "data.dver").read_text()
    assert text == f"<<<<<<< ours\n{sides[0]}=======\n{sides[1]}>>>>>>> theirs\n"
    told = run("resolve", cwd=repo)
    assert "data/a.csv" in told.out
    assert "--ours" in told.err
    assert files(repo)["a.csv"] == b"ours\n"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("--ours", {"a.csv": b"ours\n", "in/c.csv": b"our c\n"}),
        ("--theirs", {"a.csv": b"theirs\n", "in/c.csv": b"their c\n"}),
        (
            "--union",
            {
                "a.ours.csv": b"ours\n",
                "a.theirs.csv": b"theirs\n",
                "in/c.ours.csv": b"our c\n",
                "in/c.theirs.csv": b"their c\n",
            },
        ),
    ],
)
def test_all_conflicts_of_data_are_decided_at_once(
    run: Run, repo: Path, choice: str, wanted: Mapping[str, bytes]
) -> None:
    conflicting(run, repo)
    run("resolve", "data.dver", choice, cwd=repo)
    assert files(repo) == {"b.csv": b"b\n", "mine": b"m\n", "yours": b"y\n", **wanted}
    assert unmerged(repo) == ""
    git("commit", "-qm", "Merged", cwd=repo)
    run("status", "--exit-code", cwd=repo)
    run("fsck", cwd=repo)


def test_conflicts_are_decided_one_by_one_from_where_the_user_stands(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    told = run("resolve", "c.csv", "--theirs", cwd=repo / "data" / "in")
    assert "a.csv" in told.out
    assert unmerged(repo)
    run("resolve", "data/a.csv", "--ours", cwd=repo)
    assert unmerged(repo) == ""
    assert files(repo) == {
        "a.csv": b"ours\n", "b.csv": b"b\n", "in/c.csv": b"their c\n", "mine": b"m\n", "yours": b"y\n"
    }  # fmt: skip


def test_decisions_of_an_aborted_merge_are_not_those_of_the_next(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    run("resolve", "data/a.csv", "--theirs", cwd=repo)
    git("merge", "--abort", cwd=repo)
    commit(run, repo, {**BASE, "a.csv": b"newer\n", "in/c.csv": b"c2\n"}, "Newer")
    git("merge", "-q", "other", cwd=repo, rc=1)
    run("resolve", "data/in", "--ours", cwd=repo)
    assert "data/a.csv" in run("resolve", cwd=repo).out


def test_both_versions_can_be_looked_at_and_go_when_all_is_decided(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    run("resolve", "data/a.csv", "--both", cwd=repo)
    assert (repo / "data" / "a.csv.ours").read_bytes() == b"ours\n"
    assert (repo / "data" / "a.csv.theirs").read_bytes() == b"theirs\n"
    assert unmerged(repo)
    run("resolve", "data", "--theirs", cwd=repo)
    assert not {"a.csv.ours", "a.csv.theirs"} & files(repo).keys()
    git("commit", "-qm", "Merged", cwd=repo)
    run("status", "--exit-code", cwd=repo)


def test_resolve_names_what_is_not_in_conflict(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    assert "not in conflict" in run("resolve", "data/b.csv", "--ours", cwd=repo, rc=2).err
    assert "nothing is in conflict" in run("resolve", "README", "--ours", cwd=repo, rc=2).err
    assert "more than one" in run("resolve", "data", "--ours", "--theirs", cwd=repo, rc=2).err
    assert "no path" in run("resolve", "--ours", cwd=repo, rc=2).err
    assert unmerged(repo)


def test_data_that_one_branch_untracked_is_decided_as_a_whole(run: Run, repo: Path) -> None:
    git("checkout", "-q", "other", cwd=repo)
    commit(run, repo, {**BASE, "a.csv": b"theirs\n"}, "Theirs")
    git("checkout", "-q", "main", cwd=repo)
    run("checkout", cwd=repo)
    run("remove", "data", cwd=repo)
    git("commit", "-qam", "Remove", cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    assert "deleted" in run("resolve", cwd=repo).out
    run("resolve", "data", "--theirs", cwd=repo)
    assert unmerged(repo) == ""
    assert files(repo) == {**BASE, "a.csv": b"theirs\n"}


def add_models(run: Run, repo: Path) -> None:
    """Leave a merge of two branches that each added model.bin."""
    for branch in ("other", "main"):
        git("checkout", "-q", branch, cwd=repo)
        (repo / "model.bin").write_text(branch)
        run("add", "model.bin", cwd=repo)
        git("commit", "-qm", branch, cwd=repo)
        (repo / "model.bin").unlink()
    git("merge", "-q", "other", cwd=repo, rc=1)


def test_a_file_in_conflict_is_kept_twice(run: Run, repo: Path) -> None:
    add_models(run, repo)
    run("resolve", "model.bin", "--union", cwd=repo)
    assert (repo / "model.ours.bin").read_text() == "main"
    assert (repo / "model.theirs.bin").read_text() == "other"
    assert not (repo / "model.bin.dver").exists()
    assert unmerged(repo) == ""


def test_neither_of_the_two_takes_a_name_that_stands_for_something(run: Run, repo: Path) -> None:
    (repo / "model.ours.bin").write_text("tracked")
    run("add", "model.ours.bin", cwd=repo)
    git("commit", "-qm", "Ours of old", cwd=repo)
    git("branch", "-f", "other", cwd=repo)
    (repo / "model.ours.bin").unlink()
    (repo / "model.theirs2.bin").write_text("nobody's")
    add_models(run, repo)
    run("resolve", "model.bin", "--union", cwd=repo)
    assert (repo / "model.ours3.bin").read_text() == "main"
    assert (repo / "model.theirs3.bin").read_text() == "other"
    assert (repo / "model.theirs2.bin").read_text() == "nobody's"
    run("checkout", cwd=repo)
    assert (repo / "model.ours.bin").read_text() == "tracked"


def test_keys_and_comments_of_the_user_are_merged_with_the_data(run: Run, repo: Path) -> None:
    git("checkout", "-q", "other", cwd=repo)
    commit(run, repo, {**BASE, "yours": b"y\n"}, "Theirs")
    (repo / "data.dver").write_text("# theirs\n" + (repo / "data.dver").read_text() + "meta:\n  a: 1\n")
    git("commit", "-qam", "Note", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    commit(run, repo, {**BASE, "mine": b"m\n"}, "Ours")
    (repo / "data.dver").write_text((repo / "data.dver").read_text() + "desc: Ours  # ours\nmeta:\n  b: 2\n")
    git("commit", "-qam", "Note", cwd=repo)
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    merged = pointer.decode((repo / "data.dver").read_bytes())
    assert (merged.desc, dict(merged.meta), merged.files) == ("Ours", {"a": 1, "b": 2}, 5)
    assert "# ours" in (repo / "data.dver").read_text()


def test_a_key_that_both_changed_is_a_conflict_and_resolved(run: Run, repo: Path) -> None:
    for branch in ("other", "main"):
        git("checkout", "-q", branch, cwd=repo)
        (repo / "data.dver").write_text((repo / "data.dver").read_text() + f"desc: {branch}\n")
        git("commit", "-qam", branch, cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    assert "desc" in run("resolve", cwd=repo).out
    run("resolve", "data", "--theirs", cwd=repo)
    assert pointer.decode((repo / "data.dver").read_bytes()).desc == "other"
    assert unmerged(repo) == ""


def test_trees_that_are_not_here_are_fetched_and_no_data(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    clone = clone_without_data(run, repo)
    run("config", "trust", cwd=clone)
    git("merge", "-q", "--no-edit", "other", cwd=clone)
    assert pointer.decode((clone / "data.dver").read_bytes()).files == 5
    run("cat", "data/mine", cwd=clone, rc=5)
    run("pull", cwd=clone)
    assert files(clone) == {**BASE, "mine": b"m\n", "yours": b"y\n"}


def test_a_merge_that_lacks_trees_and_cannot_fetch_them_is_a_conflict_until_it_can(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    clone = clone_without_data(run, repo)
    (repo.parent / "remote").rename(repo.parent / "away")
    git("merge", "-q", "other", cwd=clone, rc=1)
    assert (clone / "data.dver").read_text().startswith("<<<<<<< ours\n")
    assert "dver resolve data; or take one side whole" in run("resolve", cwd=clone, rc=5).err
    (repo.parent / "away").rename(repo.parent / "remote")
    run("resolve", "data", cwd=clone, rc=None)
    assert unmerged(clone) == ""
    run("pull", cwd=clone)
    assert files(clone) == {**BASE, "mine": b"m\n", "yours": b"y\n"}


def test_lock_files_are_merged_stage_by_stage(repo: Path) -> None:
    item = LockedItem("input", ObjectKind.TREE, Oid.of(b"input"), 10, 3)

    def write_lock(**stages: str) -> None:
        content = lock.encode(Lock({name: LockedStage(cmd, deps=(item,)) for name, cmd in stages.items()}))
        (repo / "dver.lock").write_bytes(content)
        git("add", "dver.lock", cwd=repo)
        git("commit", "-qm", "Lock", cwd=repo)

    write_lock(a="1", b="1")
    git("branch", "-f", "other", cwd=repo)
    write_lock(a="2", b="1", c="ours")
    git("checkout", "-q", "other", cwd=repo)
    write_lock(a="1", b="2")
    git("checkout", "-q", "main", cwd=repo)
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    merged = lock.decode((repo / "dver.lock").read_bytes())
    assert {name: stage.cmd for name, stage in merged.stages.items()} == {"a": "2", "b": "2", "c": "ours"}
    write_lock(a="3", b="2")
    git("checkout", "-q", "other", cwd=repo)
    write_lock(a="4", b="2")
    git("merge", "-q", "main", cwd=repo, rc=1)
    text = (repo / "dver.lock").read_text()
    assert text.startswith('stages:\n<<<<<<< ours\n  a:\n    cmd: "4"\n')
    assert text.count("  b:\n") == 1


def test_a_project_in_a_folder_is_merged_in_a_second_worktree(run: Run, tmp_path: Path) -> None:
    top = make_git_repo(tmp_path / "mono")
    use_driver(top)
    (top / "sub").mkdir()
    run("init", "--no-hooks", cwd=top / "sub")
    commit(run, top / "sub", BASE, "Base")
    git("branch", "-q", "other", cwd=top)
    commit(run, top / "sub", {**BASE, "mine": b"m\n", "a.csv": b"ours\n"}, "Ours")
    git("worktree", "add", "-q", tmp_path / "second", "other", cwd=top)
    second = tmp_path / "second" / "sub"
    commit(run, second, {**BASE, "yours": b"y\n"}, "Theirs")
    git("merge", "-q", "--no-edit", "main", cwd=second)
    run("checkout", cwd=second)
    assert files(second) == {**BASE, "a.csv": b"ours\n", "mine": b"m\n", "yours": b"y\n"}


def test_a_renamed_directory_takes_the_other_sides_changes_with_it(run: Run, repo: Path) -> None:
    diverge(run, repo, {"a.csv": b"a\n", "b.csv": b"b\n", "moved/c.csv": b"c\n"}, {**BASE, "in/c.csv": b"their c\n"})
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {"a.csv": b"a\n", "b.csv": b"b\n", "moved/c.csv": b"their c\n"}


def test_what_cannot_be_read_is_a_conflict_with_both_sides_and_no_traceback(run: Run, repo: Path) -> None:
    names = ["base", "ours", "theirs"]
    for name in names:
        (repo / name).write_text(f"{name}: no pointer")
    told = run("merge-driver", *names, "9", "gone/data.dver", cwd=repo, rc=1)
    assert "cannot read the pointer" in told.err
    wanted = "<<<<<<<<< ours\nours: no pointer\n=========\ntheirs: no pointer\n>>>>>>>>> theirs\n"
    assert (repo / "ours").read_text() == wanted
    assert (repo / "theirs").read_text() == "theirs: no pointer"


def test_a_gitignore_in_conflict_is_settled_first(run: Run, repo: Path) -> None:
    for branch in ("other", "main"):
        git("checkout", "-q", branch, cwd=repo)
        commit(run, repo, {**BASE, "a.csv": branch.encode()}, branch)
        (repo / ".gitignore").write_text(f"/data\n{branch}\n")
        git("commit", "-qam", branch, cwd=repo)
    git("merge", "-q", "other", cwd=repo, rc=1)
    assert "git add .gitignore" in run("resolve", "data", "--ours", cwd=repo, rc=4).err
    (repo / ".gitignore").write_text("/data\nmain\nother\n")
    git("add", ".gitignore", cwd=repo)
    run("resolve", "data", "--ours", cwd=repo)
    assert unmerged(repo) == ""


def test_a_killed_or_deleted_note_of_decisions_costs_only_the_decisions(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    run("resolve", "data/a.csv", "--theirs", cwd=repo)
    note = repo / ".git" / "dver" / "merge.json"
    note.write_text("{half")
    assert "2 conflicts" in run("resolve", cwd=repo).out


def test_a_merge_that_git_made_without_the_driver_is_made_by_resolve(run: Run, repo: Path) -> None:
    git("config", "--remove-section", "merge.dver", cwd=repo)
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    git("merge", "-q", "other", cwd=repo, rc=1)
    run("resolve", cwd=repo)
    assert files(repo) == {**BASE, "mine": b"m\n", "yours": b"y\n"}
    assert unmerged(repo) == ""


def test_a_resolve_that_git_refuses_leaves_the_conflict(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    before = unmerged(repo)
    (repo / ".git" / "index.lock").touch()
    assert "index.lock" in run("resolve", "data", "--ours", cwd=repo, rc=3).err
    (repo / ".git" / "index.lock").unlink()
    assert unmerged(repo) == before
    run("resolve", "data", "--ours", cwd=repo)
    assert unmerged(repo) == ""


def test_resolve_tells_json(run: Run, repo: Path) -> None:
    conflicting(run, repo)
    told = run("resolve", "--json", cwd=repo).json
    assert [one["path"] for one in told["open"]] == ["data/a.csv", "data/in/c.csv"]
    assert run("resolve", "data", "--ours", "--json", cwd=repo).json["resolved"] == ["data"]


def test_branches_that_crossed_are_merged(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    git("branch", "-q", "mine", cwd=repo)
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    git("checkout", "-q", "other", cwd=repo)
    git("merge", "-q", "--no-edit", "mine", cwd=repo)
    commit(run, repo, {**BASE, "mine": b"m\n", "yours": b"y2\n"}, "Other again")
    git("checkout", "-q", "main", cwd=repo)
    commit(run, repo, {**BASE, "mine": b"m2\n", "yours": b"y\n"}, "Main again")
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    run("checkout", cwd=repo)
    assert files(repo) == {**BASE, "mine": b"m2\n", "yours": b"y2\n"}


def test_data_is_pushed_and_collected_after_a_merge_as_after_any_commit(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "mine": b"m\n"}, {**BASE, "yours": b"y\n"})
    git("merge", "-q", "--no-edit", "other", cwd=repo)
    run("checkout", cwd=repo)
    run("remote", "add", "-d", "origin", "../remote", cwd=repo)
    run("push", cwd=repo)
    run("check", "available", "--remote", cwd=repo)
    assert "kept 10 objects" in run("gc", cwd=repo).out
    assert "checked 1 pack, 10 objects" in run("fsck", cwd=repo).out
    assert run("status", "--exit-code", cwd=repo).err == ""
    assert files(repo) == {**BASE, "mine": b"m\n", "yours": b"y\n"}


def clone_in_conflict(run: Run, repo: Path) -> Path:
    """A clone with all data of main, in a merge of the branch other, of which it has only directories: a.csv is in
    conflict, and their side has added files."""
    diverge(run, repo, {**BASE, "a.csv": b"ours\n"}, {**BASE, "a.csv": b"theirs\n", "new": b"n\n", "in/new": b"n\n"})
    clone = clone_without_data(run, repo)
    run("pull", cwd=clone)
    git("merge", "-q", "other", cwd=clone, rc=1)
    return clone


@pytest.mark.parametrize("choice", ["--theirs", "--union"])
def test_what_a_resolve_needs_is_downloaded_first(run: Run, repo: Path, choice: str) -> None:
    clone = clone_in_conflict(run, repo)
    run("resolve", "data", choice, cwd=clone)
    edited = {"a.csv": b"theirs\n"} if choice == "--theirs" else {"a.ours.csv": b"ours\n", "a.theirs.csv": b"theirs\n"}
    rest = {name: content for name, content in BASE.items() if name != "a.csv"}
    assert files(clone) == {**rest, **edited, "new": b"n\n", "in/new": b"n\n"}
    assert "Data changed" not in run("status", cwd=clone).out


def test_both_versions_are_downloaded_to_be_looked_at(run: Run, repo: Path) -> None:
    clone = clone_in_conflict(run, repo)
    assert run("resolve", "data", "--both", cwd=clone).out.startswith(
        "wrote data/a.csv.ours\nwrote data/a.csv.theirs\n"
    )
    assert files(clone)["a.csv.theirs"] == b"theirs\n"


@pytest.mark.parametrize("option", ["--theirs", "--union", "--both"])
def test_a_resolve_without_its_data_changes_nothing(run: Run, repo: Path, option: str) -> None:
    clone = clone_in_conflict(run, repo)
    before = files(clone), unmerged(clone)
    (repo.parent / "remote").rename(repo.parent / "away")
    told = run("resolve", "data", option, cwd=clone, rc=5)
    assert "once the remote has them (`dver push` in the clone that added them): " in told.err
    assert f"dver resolve data {option}\n" in told.err
    assert told.out == ""
    assert (files(clone), unmerged(clone)) == before
    (repo.parent / "away").rename(repo.parent / "remote")
    run("resolve", "data", option, cwd=clone)
    assert (unmerged(clone) == "") == (option != "--both")


def test_a_resolve_where_no_data_is_leaves_it_out(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "a.csv": b"ours\n"}, {**BASE, "a.csv": b"theirs\n"})
    clone = clone_without_data(run, repo)
    git("merge", "-q", "other", cwd=clone, rc=1)
    assert "`dver pull data` downloads it" in run("resolve", "data", "--theirs", cwd=clone).err
    assert not (clone / "data").exists()
    run("pull", "data", cwd=clone)
    assert files(clone) == {**BASE, "a.csv": b"theirs\n"}


def test_a_resolve_in_a_directory_of_which_a_part_is_here_brings_that_part(run: Run, repo: Path) -> None:
    diverge(run, repo, {**BASE, "in/c.csv": b"ours\n"}, {**BASE, "in/c.csv": b"theirs\n", "b.csv": b"more\n"})
    clone = clone_without_data(run, repo)
    run("pull", "data/in", cwd=clone)
    git("merge", "-q", "other", cwd=clone, rc=1)
    run("resolve", "data", "--theirs", cwd=clone)
    assert files(clone) == {"in/c.csv": b"theirs\n"}
    run("add", "-u", cwd=clone)
    run("pull", cwd=clone)
    assert files(clone) == {**BASE, "in/c.csv": b"theirs\n", "b.csv": b"more\n"}
