"""Every verb as a method of `Project`."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from support import git
from workspaces import write

import dver
from dver.core.errors import (
    ConflictError,
    DverError,
    MissingObjectError,
    RepositoryError,
    StageError,
    UsageError,
)
from dver.pipelines.engine.schedule import StageState
from dver.workspace.state.data_state import DataState


def commit(project: dver.Project) -> None:
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "A commit", cwd=project.root)


class TestOpening:
    def test_find_walks_up_and_takes_paths_from_there(
        self, project: dver.Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(project.root / "data")
        found = dver.Project.find()
        assert (found.root, found.cwd) == (project.root, project.root / "data")
        assert found.cat("a.csv") == b"changed"
        assert dver.Project.find(project.root) == project

    def test_open_wants_the_directory_of_the_project(self, project: dver.Project, tmp_path: Path) -> None:
        assert dver.Project.open(str(project.root)) == project
        with pytest.raises(RepositoryError, match="not in a dver project"):
            dver.Project.open(project.root / "data")
        with pytest.raises(RepositoryError):
            dver.Project.find(tmp_path)

    def test_init_is_idempotent(self, git_repo: Path) -> None:
        first = dver.Project.init(git_repo, hooks=False)
        assert dver.Project.init(git_repo, hooks=False) == first == dver.Project.open(git_repo)

    def test_clone_checks_out_a_revision_with_its_data(self, project: dver.Project, tmp_path: Path) -> None:
        project.push(all_commits=True)
        cloned = dver.Project.clone(project.root, tmp_path / "clones" / "one", rev="v1", hooks=False)
        assert (cloned.root / "data" / "a.csv").read_bytes() == b"one"
        assert cloned.status().is_clean

    def test_clone_without_pull_leaves_the_data_out(self, project: dver.Project, tmp_path: Path) -> None:
        cloned = dver.Project.clone(project.root, tmp_path / "clone", pull=False)
        assert not (cloned.root / "data").exists()
        with pytest.raises(ConflictError, match="not empty"):
            dver.Project.clone(project.root, cloned.root)

    def test_a_project_survives_pickling(self, project: dver.Project) -> None:
        copy = pickle.loads(pickle.dumps(project))
        assert copy == project
        assert copy.status().is_clean


class TestTrackingData:
    def test_add_status_diff_and_checkout(self, project: dver.Project) -> None:
        (project.root / "data" / "a.csv").write_bytes(b"edited")
        (status,) = project.status("data").paths
        assert status.data is DataState.MODIFIED
        (change,) = project.diff("data").changes
        assert project.path(change.path) == project.root / "data" / "a.csv"
        with pytest.raises(ConflictError, match=r"kept 1 path with unsaved changes: data/a\.csv"):
            project.checkout("data", rev="v1")
        project.checkout(Path("data"), force=True)
        assert project.cat("data/a.csv") == (project.root / "data" / "a.csv").read_bytes()

    def test_checkout_returns_the_kept_paths_without_check(self, project: dver.Project) -> None:
        (project.root / "data" / "a.csv").write_bytes(b"edited")
        (kept,) = project.checkout(rev="v1", check=False).restored.kept
        assert kept.path == b"data/a.csv"

    def test_a_checkout_elsewhere_starts_from_the_directory_of_the_project(self, project: dver.Project) -> None:
        result = project.checkout("data", rev="v1", to="old")
        assert (project.root / "old" / "data" / "a.csv").read_bytes() == b"one"
        assert result.to == project.root / "old"

    def test_move_remove_and_unlock(self, project: dver.Project) -> None:
        assert project.move("data", "images").new == b"images"
        assert project.unlock("images").unlocked == ()
        assert project.remove("images").untracked == (b"images",)
        assert project.ls().entries == ()

    def test_files_are_those_of_a_revision(self, project: dver.Project) -> None:
        files = project.files(rev="v1")
        assert files.read("data/a.csv") == b"one"
        assert [one.path for one in files.walk("data")] == ["data/a.csv", "data/b.csv"]
        files.close()

    def test_update_adds_what_was_edited(self, project: dver.Project) -> None:
        (project.root / "data" / "a.csv").write_bytes(b"edited")
        assert len(project.add(update=True, dry_run=True).added) == 1
        assert len(project.add(update=True).added) == 1
        assert project.cat("data/a.csv") == b"edited"
        assert project.cat("data/a.csv", rev="v1") == b"one"

    def test_bytes_of_a_result_are_refused_with_the_way_to_use_them(self, project: dver.Project) -> None:
        with pytest.raises(TypeError, match=r"project\.path"):
            project.add(cast(str, b"data"))

    def test_resolve_decides_a_conflict(self, project: dver.Project) -> None:
        for branch in ("left", "right"):
            git("checkout", "-qb", branch, "main", cwd=project.root)
            project.checkout()
            (project.root / "data" / "a.csv").write_text(branch)
            project.add("data")
            commit(project)
        git("merge", "left", cwd=project.root, rc=1)
        assert [one.path for one in project.resolve().open] == [b"data/a.csv"]
        with pytest.raises(UsageError, match="choice without paths"):
            project.resolve(choice="theirs")
        assert project.resolve("data", choice="theirs").resolved == (b"data",)
        assert (project.root / "data" / "a.csv").read_text() == "left"


class TestSharingData:
    def test_push_fetch_pull_and_check(self, project: dver.Project, tmp_path: Path) -> None:
        assert project.check.available(remote=True).absent[0].path == "data"
        assert project.push(dry_run=True).dry_run
        project.push()
        assert project.check.available(remote="origin").absent == ()
        clone = dver.Project.clone(project.root, tmp_path / "clone", hooks=False, pull=False)
        assert clone.check.available().absent
        clone.fetch("data/a.csv")
        assert clone.cat("data/a.csv") == b"changed"
        clone.pull(jobs=2)
        assert clone.status(remote=True).is_clean

    def test_missing_data_is_an_error_unless_the_caller_looks(self, project: dver.Project, tmp_path: Path) -> None:
        clone = dver.Project.clone(project.root, tmp_path / "clone", hooks=False, pull=False)
        with pytest.raises(MissingObjectError):
            clone.pull()
        with pytest.raises(MissingObjectError):
            clone.fetch()
        with pytest.raises(MissingObjectError):
            clone.checkout()
        (download,) = clone.pull(check=False).remotes
        assert download.missing

    def test_remotes_are_added_renamed_and_removed(self, project: dver.Project, tmp_path: Path) -> None:
        project.remote.add("nas", tmp_path / "nas", local=True)
        assert [one.name for one in project.remote.list()] == ["nas", "origin"]
        project.remote.set("nas", "jobs", "3", local=True)
        assert project.remote.rename("nas", "disk").remote.name == "disk"
        chosen = project.remote.default("disk", local=True)
        assert chosen is not None
        assert chosen.name == "disk"
        project.push()
        assert project.remote.check().found.writable
        assert project.remote.remove("disk").name == "disk"
        with pytest.raises(UsageError):
            project.status(remote="disk")

    def test_progress_counts_up_to_the_total(self, project: dver.Project) -> None:
        events: list[dver.ProgressEvent] = []
        project.push(progress=events.append)
        (last,) = [one for one in events if one.task == "upload" and one.finished]
        assert last.unit == "B"
        assert last.done > 0
        assert events[0].done == 0


class TestRunningStages:
    def test_repro_runs_what_is_out_of_date(self, pipeline: dver.Project) -> None:
        (step,) = pipeline.plan_repro().steps
        assert str(step.address) == "train"
        (state,) = pipeline.repro().states.values()
        assert state is StageState.DONE
        assert b"".join(pipeline.logs("train").pieces()).endswith(b"trained\n")
        assert pipeline.repro("train", jobs=2).succeeded
        assert pipeline.dag().labels == ("train",)
        assert pipeline.dag().mermaid() == 'flowchart TD\n\tnode1["train"]'
        assert pipeline.lineage("model.txt").stages[0].record is not None

    def test_a_failed_stage_is_an_error_unless_the_caller_looks(self, pipeline: dver.Project) -> None:
        pipeline.stage.add("fail", ["sh", "-c", "exit 3"], deps=["model.txt"], outs=["never"], always_changed=True)
        with pytest.raises(StageError):
            pipeline.repro()
        result = pipeline.repro(check=False)
        assert not result.succeeded
        assert [str(one) for one in result.errors] == ["fail"]

    def test_repro_runs_in_a_thread(self, pipeline: dver.Project) -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(pipeline.repro).result(60).succeeded

    def test_commit_records_only_what_is_sure(self, pipeline: dver.Project) -> None:
        pipeline.repro()
        (pipeline.root / "params.yaml").write_text("lr: 0.2\n")
        with pytest.raises(ConflictError, match="not recorded: train"):
            pipeline.commit()
        assert pipeline.commit(check=False).recorded == ()
        assert [str(one) for one in pipeline.commit(confirm=lambda *_: True).recorded] == ["train"]
        (pipeline.root / "params.yaml").write_text("lr: 0.3\n")
        assert pipeline.commit("train", force=True).refused == ()

    def test_stages_are_listed_frozen_and_removed(self, pipeline: dver.Project) -> None:
        assert [str(one) for one in pipeline.stage.list()] == ["train"]
        assert [str(one) for one in pipeline.freeze("train")] == ["train"]
        assert pipeline.freeze("train") == ()
        assert pipeline.repro().frozen
        assert [str(one) for one in pipeline.unfreeze("train")] == ["train"]
        assert [str(one) for one in pipeline.stage.remove("train").stages] == ["train"]

    def test_verify_compares_a_second_run(self, pipeline: dver.Project) -> None:
        pipeline.repro()
        commit(pipeline)
        assert pipeline.verify("train").is_reproduced


class TestComparingRuns:
    def test_params_and_metrics(self, pipeline: dver.Project) -> None:
        pipeline.repro()
        commit(pipeline)
        (pipeline.root / "params.yaml").write_text("lr: 0.5\nseed: 1\n")
        (side,) = pipeline.params.show().sides
        assert side.files == {"params.yaml": {"lr": 0.5, "seed": 1}}
        ((change,),) = pipeline.params.diff(deps=True).changes.values()
        assert (change.key, change.old, change.new) == ("lr", 0.1, 0.5)
        assert pipeline.metrics.diff().changes == {}
        assert list(pipeline.metrics.diff(unchanged=True).changes) == ["score.json"]
        assert [one.side for one in pipeline.metrics.show(revs=["HEAD"]).sides] == ["HEAD"]

    def test_plots_are_written_to_a_page(self, pipeline: dver.Project) -> None:
        write(pipeline.root, {"roc.csv": b"x,y\n0,0\n1,1\n"})
        plots = pipeline.plots.show("roc.csv", x="x", y=["y"], title="A curve")
        (page,) = pipeline.plots.write(plots, "roc.html").paths
        assert page == pipeline.root / "roc.html"
        assert "linear" in pipeline.plots.templates()
        assert pipeline.plots.template("linear")
        assert pipeline.plots.diff(targets=["roc.csv"]).plots


class TestSettingUpAndMaintaining:
    def test_config(self, project: dver.Project) -> None:
        project.config.set("core.jobs", 3)
        assert project.config.get("core.jobs") == 3
        assert "core.jobs" in [one.key for one in project.config.list()]
        assert project.config.unset("core.jobs").value is None
        assert project.config.trust(dry_run=True).settings == ()

    def test_hooks_are_installed_and_removed(self, project: dver.Project) -> None:
        assert project.install().written
        assert project.uninstall().folder == project.root / ".git" / "hooks"

    def test_gc_moves_to_the_trash_and_back(self, project: dver.Project) -> None:
        write(project.root, {"other": os.urandom(1 << 20)})
        project.add("other")
        project.remove("other")
        git("add", "-A", cwd=project.root)
        assert project.gc(dry_run=True).objects == 1
        (batch,) = project.gc(explain=True, grace=timedelta(days=1)).trash
        assert project.gc.restore(batch.name).batches[0].name == batch.name
        project.push()
        assert project.gc.remote(dry_run=True, offline=True).condemned_packs == 0
        with pytest.raises(UsageError):
            project.gc.forget("/nowhere")

    def test_fsck_finds_and_reports_damage(self, project: dver.Project) -> None:
        assert project.fsck(sample=0.5, seed=1).is_well
        project.push()
        assert project.fsck(remote=True).is_well
        with pytest.raises(UsageError, match="repair"):
            project.fsck(dry_run=True)
        with pytest.raises(UsageError, match="fraction"):
            project.fsck(sample=5)

    def test_doctor_and_the_cache_of_the_user(self, project: dver.Project) -> None:
        assert project.doctor(offline=True).findings
        assert dver.list_cache().objects.count == dver.clear_cache(unused_for=timedelta(days=1)).objects.count == 0


def test_threads_share_a_project(project: dver.Project) -> None:
    def read(number: int) -> bytes:
        return project.cat("data/a.csv", rev="v1" if number % 2 else None) + str(len(project.ls().entries)).encode()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(32))) == {b"one1", b"changed1"}


def test_calls_that_change_the_workspace_wait_for_each_other(project: dver.Project) -> None:
    write(project.root, {f"many/{number}": b"%d" % number for number in range(8)})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: project.add(f"many/{number}"), range(8)))
    assert len(project.ls("many").entries) == 8


_STORY = """
import sys, dver
project = dver.Project.open(sys.argv[1])
project.add("data"); project.status(remote=True); project.push(); project.pull(); project.repro()
project.gc(); project.fsck(); project.doctor(offline=True); project.params.diff(); project.checkout(rev="v1")
project.remote.check(); project.install(); project.config.set("core.jobs", 2); project.uninstall()
try:
    project.pull(rev="nonsense")
except dver.UsageError as error:
    assert error.exit_code == 2 and error.fix
"""


def test_the_library_prints_nothing(pipeline: dver.Project) -> None:
    done = subprocess.run([sys.executable, "-c", _STORY, pipeline.root], capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_error_is_one_of_the_documented_ones(project: dver.Project) -> None:
    for call in (
        lambda: project.cat("nothing"),
        lambda: project.add("nothing"),
        lambda: project.push(remote="nothing"),
        lambda: project.logs("nothing"),
        lambda: project.config.get("nothing"),
    ):
        with pytest.raises(DverError) as found:
            call()
        assert type(found.value).__name__ in dver.__all__


def test_get_writes_a_directory_of_a_revision(
    project: dver.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = dver.get("data", "copy", repo=project.root, rev="v1")
    assert result.files == 2
    assert (tmp_path / "copy" / "a.csv").read_bytes() == b"one"
    with pytest.raises(FileNotFoundError):
        dver.get("nothing", repo=project.root)


def test_import_url_tracks_a_copy(project: dver.Project, tmp_path: Path) -> None:
    write(tmp_path, {"raw/one.txt": b"1"})
    assert project.import_url(str(tmp_path / "raw")).path == b"raw"
    assert project.cat("raw/one.txt") == b"1"
    write(tmp_path, {"raw/two.txt": b"2"})
    (updated,) = project.update("raw")
    assert [one.path for one in updated.changes or ()] == [b"raw/two.txt"]


def test_rows_of_tables_are_compared(project: dver.Project) -> None:
    write(project.root, {"data/t.csv": b"id,x\n1,1\n"})
    project.add("data")
    commit(project)
    write(project.root, {"data/t.csv": b"id,x\n1,2\n"})
    (table,) = project.diff_rows("data/t.csv", key=["id"])
    assert table.difference is not None
    assert table.difference.changed_cells == {"x": 1}


def test_an_error_and_a_project_show_what_a_notebook_needs(project: dver.Project) -> None:
    assert repr(project) == f"Project({str(project.root)!r})"
    with pytest.raises(UsageError) as found:
        project.cat("nothing")
    assert "fix: `dver ls` lists tracked data" in "".join(traceback.format_exception(found.value))
    assert pickle.loads(pickle.dumps(found.value)).__notes__ == found.value.__notes__


def test_values_are_tables_with_a_column_for_each_version(pipeline: dver.Project) -> None:
    commit(pipeline)
    (pipeline.root / "params.yaml").write_text("lr: 0.5\n")
    shown = pipeline.params.show(revs=["HEAD", "workspace"])._repr_html_()
    assert "<tr><td>params.yaml</td><td>lr</td><td>0.1</td><td>0.5</td></tr>" in shown
    assert "<td>lr</td><td>0.1</td><td>0.5</td><td>0.4</td>" in pipeline.params.diff()._repr_html_()
