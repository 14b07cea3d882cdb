"""`dver retrain`: new data, an experiment, a version, the rule, the promotion; continued after an interruption."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hostserver import Host, hosting
from registering import ModelClone
from support import git, make_git_repo

from dver.core.errors import PipelineError, StageError, UsageError
from dver.core.oid import Oid
from dver.formats.monitor_history import MonitoredColumn, MonitoredWindow
from dver.git.registry.references import read_artifact
from dver.monitoring.history import record_windows
from dver.repo import Repository
from dver.retraining.record import RetrainingRecord, read_record, write_record
from dver.retraining.result import RetrainingOptions, RetrainingOutcome, RetrainingResult, RetrainingStep
from dver.retraining.run import retrain

PIPELINE = """\
stages:
  train:
    cmd: cat data/train/*.csv > model.pkl && echo "{\\"auc\\":0.$(cat data/train/*.csv | wc -l)}" > metrics.json
    deps: [data/train]
    outs: [model.pkl]
    metrics: [metrics.json: {cache: false}]
artifacts:
  churn: {path: model.pkl, type: model}
retrain:
  churn:
    data: {path: data/train, from: live}
    promote: auc >= prod.auc - 0.01 and checks.pass
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model is v0.0.1 in prod, and has an AUC of a tenth of its rows."""
    root = make_git_repo(tmp_path_factory.mktemp("retrain") / "project")
    clone = ModelClone(root)
    clone.dver("init")
    (root / "data/train").mkdir(parents=True)
    (root / "live").mkdir()
    (root / "data/train/a.csv").write_text("1\n2\n3\n")
    (root / "dver.yaml").write_text(PIPELINE)
    clone.dver("add", "data/train")
    clone.dver("repro")
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "-m", "Begin")
    clone.model("register", "churn")
    clone.model("assign", "churn", "prod")
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> ModelClone:
    shutil.copytree(template, tmp_path / "project", symlinks=True)
    return ModelClone(tmp_path / "project")


def run(project: ModelClone, name: str | None = "churn", **options: object) -> RetrainingResult:
    with Repository.open(project.root) as repo:
        return retrain(repo, name, RetrainingOptions(**options))  # type: ignore[arg-type]


def edit(project: ModelClone, old: str, new: str) -> None:
    path = project.root / "dver.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def in_stage(project: ModelClone, stage: str = "prod") -> str:
    with Repository.open(project.root) as repo:
        return read_artifact(repo.git, "churn").stages[stage].version


def test_new_files_become_a_version_that_trains_a_promoted_model(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    result = run(project)
    assert (result.outcome, result.version, result.before) == (RetrainingOutcome.PROMOTED, "v0.0.2", "v0.0.1")
    assert result.data == ("data/train",)
    assert in_stage(project) == "v0.0.2"
    assert (project.root / "data/train/b.csv").read_text() == "4\n"
    assert project.git("show", "churn@v0.0.2:metrics.json") == '{"auc":0.4}\n'


def test_the_workspace_keeps_its_model_until_the_experiment_is_applied(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    result = run(project)
    assert (project.root / "model.pkl").read_text() == "1\n2\n3\n"
    assert result.experiment is not None
    project.dver("exp", "apply", result.experiment)
    assert (project.root / "model.pkl").read_text() == "1\n2\n3\n4\n"


def test_git_gets_no_file_of_the_directory_with_new_files(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    result = run(project)
    committed = project.git("ls-tree", "-r", "--name-only", "churn@v0.0.2").split()
    assert not [one for one in committed if one.startswith("live")]
    assert "/live" in (project.root / ".gitignore").read_text().splitlines()
    assert result.experiment is not None
    project.dver("exp", "apply", result.experiment)
    assert "live" not in project.git("status", "--porcelain", "--untracked-files=all")
    assert (project.root / "live/b.csv").read_text() == "4\n"


def test_a_directory_that_git_ignores_or_tracks_gets_no_line_in_gitignore(project: ModelClone) -> None:
    (project.root / ".git/info/exclude").write_text("/live/\n")
    before = (project.root / ".gitignore").read_text()
    (project.root / "live/b.csv").write_text("4\n")
    run(project)
    assert (project.root / ".gitignore").read_text() == before
    project.git("add", "--force", "live/b.csv")
    (project.root / ".git/info/exclude").write_text("")
    (project.root / "live/c.csv").write_text("5\n")
    run(project)
    assert (project.root / ".gitignore").read_text() == before


def test_new_files_of_a_project_in_a_directory_are_ignored_beside_its_dver_yaml(tmp_path: Path) -> None:
    root = make_git_repo(tmp_path / "repository")
    clone = ModelClone(root)
    clone.dver("init")
    (root / "team/data/train").mkdir(parents=True)
    (root / "team/live").mkdir()
    (root / "team/data/train/a.csv").write_text("1\n")
    (root / "team/live/b.csv").write_text("2\n")
    (root / "team/dver.yaml").write_text(PIPELINE)
    clone.dver("add", "team/data/train")
    clone.git("add", "--all", ":!team/live")
    clone.git("commit", "--quiet", "-m", "Begin")
    run(clone, "team:churn")
    assert "/live" in (root / "team/.gitignore").read_text().splitlines()
    assert "live" not in clone.git("ls-tree", "-r", "--name-only", "team=churn@v0.0.1")


def test_a_worse_model_is_registered_but_not_promoted(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01", "auc < prod.auc")
    (project.root / "live/b.csv").write_text("4\n")
    shown = project.dver("retrain", "churn", rc=1)
    assert "auc < prod.auc  0.4 < 0.3" in shown.out
    assert "not promoted: churn v0.0.2; v0.0.1 stays in prod" in shown.out
    assert in_stage(project) == "v0.0.1"
    assert "dver model assign churn@v0.0.2 prod" in shown.out + shown.err
    project.dver("model", "assign", "churn@v0.0.2", "prod")
    assert in_stage(project) == "v0.0.2"


def test_without_new_data_nothing_is_trained(project: ModelClone) -> None:
    result = run(project)
    assert (result.outcome, result.experiment) == (RetrainingOutcome.NO_NEW_DATA, None)
    assert result.why == "the data is that of v0.0.1"


def test_forced_training_of_the_same_model_registers_nothing(project: ModelClone) -> None:
    result = run(project, force=True)
    assert result.outcome is RetrainingOutcome.UNCHANGED
    assert project.tags() == ["churn#prod#1", "churn@v0.0.1"]


def test_a_corrected_rule_is_applied_to_the_version_that_it_rejected(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01", "auc < prod.auc")
    (project.root / "live/b.csv").write_text("4\n")
    assert run(project).outcome is RetrainingOutcome.REJECTED
    edit(project, "auc < prod.auc", "auc >= prod.auc - 0.01")
    result = run(project, force=True)
    assert (result.outcome, result.version, result.before) == (RetrainingOutcome.PROMOTED, "v0.0.2", "v0.0.1")
    assert in_stage(project) == "v0.0.2"


def test_data_edited_by_hand_is_new_data_too(project: ModelClone) -> None:
    edit(project, "{path: data/train, from: live}", "data/train")
    (project.root / "data/train/b.csv").write_text("4\n")
    assert run(project).outcome is RetrainingOutcome.PROMOTED


def test_an_import_is_updated_from_its_source(project: ModelClone, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text("1\n")
    project.dver("import-url", os.fspath(source), "extra.csv")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "Import")
    edit(project, "{path: data/train, from: live}", "[extra.csv]")
    project.model("register", "churn", "v0.0.2")
    source.write_text("1\n2\n")
    result = run(project)
    assert result.data == ("extra.csv",)
    assert (project.root / "extra.csv").read_text() == "1\n2\n"


def test_a_new_file_with_the_name_of_another_is_refused_before_anything_is_copied(project: ModelClone) -> None:
    (project.root / "live/a.csv").write_text("other\n")
    (project.root / "live/0.csv").write_text("4\n")
    before = (project.root / "data/train.dver").read_bytes()
    shown = project.dver("retrain", rc=4)
    assert "mv live/a.csv live/a-2.csv" in shown.err
    assert not (project.root / "data/train/0.csv").exists()
    assert (project.root / "data/train.dver").read_bytes() == before
    git_free = shown.err.partition("such as: ")[2].splitlines()[0]
    os.rename(project.root / git_free.split()[1], project.root / git_free.split()[2])
    assert run(project).outcome is RetrainingOutcome.PROMOTED


def test_data_that_fails_a_check_ends_it_before_anything_changes(project: ModelClone) -> None:
    (project.root / "dver.checks.yaml").write_text("checks: {data/train: {rows: {max: 3}}}\n")
    (project.root / "live/b.csv").write_text("1\n5\n6\n")
    before = (project.root / "data/train.dver").read_bytes()
    shown = project.dver("retrain", rc=1)
    assert "data/train fails 1 critical check" in shown.err
    assert "fix: correct the new files, or move them away, and run the same command again: live/b.csv" in shown.err
    assert (project.root / "data/train.dver").read_bytes() == before
    assert not (project.root / "data/train/b.csv").exists()
    assert project.tags() == ["churn#prod#1", "churn@v0.0.1"]
    (project.root / "live/b.csv").write_text("1\n5\n")
    assert run(project).outcome is RetrainingOutcome.PROMOTED


def test_a_failed_stage_ends_it_and_the_next_call_continues_with_training(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    edit(project, "cat data/train/*.csv > model.pkl", "test -e ready && cat data/train/*.csv > model.pkl")
    with pytest.raises(StageError):
        run(project)
    edit(project, "test -e ready && ", "")
    result = run(project)
    assert (result.outcome, result.resumed) == (RetrainingOutcome.PROMOTED, True)
    assert result.data == ("data/train",)


def interrupt_after(project: ModelClone, step: RetrainingStep) -> None:
    (project.root / "live/b.csv").write_text("4\n")

    def interrupt(done: RetrainingStep, _: RetrainingRecord) -> None:
        if done is step:
            raise KeyboardInterrupt

    with Repository.open(project.root) as repo, pytest.raises(KeyboardInterrupt):
        retrain(repo, "churn", RetrainingOptions(), on_step=interrupt)


@pytest.mark.parametrize("step", [RetrainingStep.DATA, RetrainingStep.TRAIN, RetrainingStep.REGISTER])
def test_ctrl_c_after_a_step_loses_nothing_and_repeats_nothing(project: ModelClone, step: RetrainingStep) -> None:
    interrupt_after(project, step)
    done: list[RetrainingStep] = []
    with Repository.open(project.root) as repo:
        result = retrain(repo, "churn", RetrainingOptions(), on_step=lambda one, _: done.append(one))
        assert read_record(repo.layout.worktree_dir, "churn") is None
    assert step not in done
    assert (result.outcome, result.version, result.resumed) == (RetrainingOutcome.PROMOTED, "v0.0.2", True)
    assert project.tags() == ["churn#prod#1", "churn#prod#2", "churn@v0.0.1", "churn@v0.0.2"]


def test_a_version_registered_right_before_a_kill_is_found_again(project: ModelClone) -> None:
    interrupt_after(project, RetrainingStep.REGISTER)
    with Repository.open(project.root) as repo:
        place = repo.layout.worktree_dir
        record = read_record(place, "churn")
        assert record is not None
        write_record(place, RetrainingRecord(record.artifact, record.data, record.experiment))
    assert run(project).version == "v0.0.2"


def test_a_version_promoted_right_before_ctrl_c_is_not_compared_with_itself(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01", "auc > prod.auc")
    interrupt_after(project, RetrainingStep.PROMOTE)
    assert in_stage(project) == "v0.0.2"
    result = run(project)
    assert (result.outcome, result.version, result.before) == (RetrainingOutcome.PROMOTED, "v0.0.2", "v0.0.1")
    assert run(project).outcome is RetrainingOutcome.NO_NEW_DATA
    assert project.tags() == ["churn#prod#1", "churn#prod#2", "churn@v0.0.1", "churn@v0.0.2"]


def test_a_promotion_that_was_not_pushed_is_pushed_by_the_next_call(project: ModelClone, tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", tmp_path / "origin.git", cwd=tmp_path)
    project.git("remote", "add", "origin", os.fspath(tmp_path / "origin.git"))
    project.dver("remote", "add", "-d", "store", os.fspath(tmp_path / "store"))
    interrupt_after(project, RetrainingStep.PROMOTE)
    assert run(project, push=True).outcome is RetrainingOutcome.PROMOTED
    assert {"churn@v0.0.2", "churn#prod#2"} <= set(git("tag", cwd=tmp_path / "origin.git").split())


def test_a_version_whose_tag_was_deleted_is_registered_again(project: ModelClone) -> None:
    interrupt_after(project, RetrainingStep.REGISTER)
    project.git("tag", "-d", "churn@v0.0.2")
    result = run(project)
    assert (result.outcome, result.version, result.experiment) == (
        RetrainingOutcome.PROMOTED,
        "v0.0.2",
        "retrain-churn-1",
    )
    assert in_stage(project) == "v0.0.2"


def test_a_version_deregistered_after_ctrl_c_says_how_to_begin_again(project: ModelClone) -> None:
    interrupt_after(project, RetrainingStep.REGISTER)
    project.model("deregister", "churn", "v0.0.2")
    shown = project.dver("retrain", "churn", rc=4)
    assert "churn v0.0.2 was deregistered" in shown.err
    assert "dver retrain churn --restart" in shown.err
    assert run(project, restart=True).outcome is RetrainingOutcome.PROMOTED


def test_restart_forgets_the_finished_steps(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    with Repository.open(project.root) as repo:
        write_record(repo.layout.worktree_dir, RetrainingRecord("churn", (), "gone", "v9.9.9"))
    assert run(project, restart=True).version == "v0.0.2"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"data": 3}'])
def test_a_damaged_record_counts_as_none(project: ModelClone, content: bytes) -> None:
    with Repository.open(project.root) as repo:
        place = repo.layout.worktree_dir
        write_record(place, RetrainingRecord("churn"))
        (place / "retrain/churn.json").write_bytes(content)
        assert read_record(place, "churn") is None


def window(recorded: str, *, alarm: bool) -> MonitoredWindow:
    drifted = (MonitoredColumn("rows", ("distribution",)),) if alarm else ()
    return MonitoredWindow(recorded, recorded, recorded, recorded, 10, "data/train", 1, drifted, data=Oid.of(b""))


def record(project: ModelClone, *windows: MonitoredWindow, monitor: str = "churn") -> None:
    with Repository.open(project.root) as repo:
        record_windows(repo, monitor, windows)


def now(seconds: float = 0) -> str:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_if_alert_waits_for_an_alarm(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    assert run(project, if_alert=True).why == "the monitor 'churn' has no windows in this working tree"
    record(project, window("2019-01-01T00:00:00Z", alarm=False))
    assert run(project, if_alert=True).why == "the newest window of the monitor 'churn' has no alarm"
    record(project, window("2020-01-01T00:00:00Z", alarm=True))
    assert run(project, if_alert=True).why == "v0.0.1 was registered after the alarm of 2020-01-01T00:00:00Z"
    assert project.tags() == ["churn#prod#1", "churn@v0.0.1"]
    record(project, window(now(3600), alarm=True))
    assert run(project, if_alert=True).outcome is RetrainingOutcome.PROMOTED


def test_if_alert_finds_the_monitor_that_dver_monitor_names_after_the_model(project: ModelClone) -> None:
    edit(project, "  churn:", "  team/Churn:")
    project.git("commit", "--quiet", "--all", "-m", "Rename")
    project.model("register", "team/Churn")
    project.dver("monitor", "data/train", "--model", "team/Churn")
    shown = project.dver("retrain", "--if-alert")
    assert "the newest window of the monitor 'team-churn' has no alarm" in shown.out
    record(project, window(now(3600), alarm=True), monitor="team-churn")
    (project.root / "live/b.csv").write_text("4\n")
    assert run(project, None, if_alert=True).outcome is RetrainingOutcome.PROMOTED


def test_a_newer_window_without_an_alarm_calls_it_off(project: ModelClone) -> None:
    record(project, window(now(3600), alarm=True), window(now(7200), alarm=False))
    assert run(project, if_alert=True).outcome is RetrainingOutcome.NO_ALARM


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with hosting() as state:
        for key, value in state.github().items():
            monkeypatch.setenv(key, value)
        yield state


def test_a_pull_request_has_the_commit_the_version_and_the_verdict(
    project: ModelClone, host: Host, tmp_path: Path
) -> None:
    git("init", "--quiet", "--bare", tmp_path / "origin.git", cwd=tmp_path)
    project.git("remote", "add", "origin", os.fspath(tmp_path / "origin.git"))
    project.dver("remote", "add", "-d", "store", os.fspath(tmp_path / "store"))
    (project.root / "live/b.csv").write_text("4\n")
    result = run(project, pull_request=True)
    assert (result.outcome, result.branch) == (RetrainingOutcome.PROPOSED, "retrain/churn-v0.0.2")
    assert in_stage(project) == "v0.0.1"
    (made,) = host.pulls
    assert result.pull_request == made["html_url"]
    assert "`auc >= prod.auc - 0.01` holds: `0.4 >= 0.29`" in made["body"]
    assert "dver model assign churn prod v0.0.2 --push" in made["body"]
    branch = git("rev-parse", "retrain/churn-v0.0.2", cwd=tmp_path / "origin.git")
    assert branch == project.git("rev-parse", "churn@v0.0.2^{commit}")
    assert "churn@v0.0.2" in git("tag", cwd=tmp_path / "origin.git")


def test_outside_of_ci_a_pull_request_is_refused_before_anything_is_done(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    with pytest.raises(UsageError, match="CI job") as caught:
        run(project, pull_request=True)
    assert "dver ci init github --retrain" in (caught.value.fix or "")
    assert not (project.root / "data/train/b.csv").exists()


def test_a_push_without_a_git_remote_is_refused_before_anything_is_done(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    with pytest.raises(UsageError, match="no Git remote"):
        run(project, push=True)
    assert not (project.root / "data/train/b.csv").exists()


def test_an_unknown_name_suggests_a_known_one(project: ModelClone) -> None:
    with pytest.raises(UsageError) as caught:
        run(project, "chrun")
    assert caught.value.fix == "did you mean 'churn'?"


def test_a_project_without_a_section_says_what_to_add(project: ModelClone) -> None:
    edit(project, PIPELINE[PIPELINE.index("retrain:") :], "")
    with pytest.raises(UsageError, match="how to retrain") as caught:
        run(project)
    page = str(caught.value.fix).removeprefix("add one: ").split()[0]
    assert "retrain:" in (Path(__file__).parents[2] / page).read_text()


def test_a_missing_directory_of_new_files_is_named(project: ModelClone) -> None:
    (project.root / "live").rmdir()
    with pytest.raises(UsageError, match=r"'.*live' is not a directory"):
        run(project)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("promote: auc >= prod.auc - 0.01 and checks.pass", "stage: dev", "`promote` is missing"),
        ("auc >= prod.auc - 0.01 and checks.pass", "auc", "no comparison"),
        ("from: live", "from: ../live", "outside"),
        ("from: live", "from: data", "contains the other"),
        ("from: live", "from: .", "contains the other"),
        ("from: live", "from: data/train/new", "contains the other"),
        ("from: live", "from: ./data/train", "contains the other"),
        ("promote:", "stage: 'a b'\n    promote:", "no name of a stage"),
        ("promote:", "monitor: Churn\n    promote:", "no name of a monitor"),
        ("promote:", "promoted: x\n    promote:", "unknown key"),
        ("  churn:\n    data:", "  'chu rn':\n    data:", "no name of an artifact"),
    ],
)
def test_a_mistake_in_the_section_is_named_with_its_place(project: ModelClone, old: str, new: str, said: str) -> None:
    edit(project, old, new)
    with pytest.raises(PipelineError, match=said) as caught:
        run(project, None)
    assert "dver.yaml:" in f"{caught.value.what}{caught.value.why}"


def test_a_rule_may_name_any_stage(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01", "auc < staging.auc")
    (project.root / "live/b.csv").write_text("4\n")
    shown = project.dver("retrain", rc=1)
    assert 'is it `stage["staging"].auc`?' in shown.out
    edit(project, "promote: auc < staging.auc", 'promote: \'auc < stage["staging"].auc')
    edit(project, "checks.pass", "checks.pass'")
    shown = project.dver("retrain", "--force")
    assert "no version is in staging yet" in shown.out
    assert "promoted: churn v0.0.2" in shown.out


def test_a_stage_that_another_model_used_is_known(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01", "auc < staging.auc")
    edit(project, "  churn: {path", "  other: {path: model.pkl}\n  churn: {path")
    project.git("commit", "--quiet", "--all", "-m", "Another model")
    project.model("register", "other")
    project.model("assign", "other", "staging")
    (project.root / "live/b.csv").write_text("4\n")
    assert run(project).outcome is RetrainingOutcome.PROMOTED


def test_a_rule_compares_with_a_stage_that_has_a_hyphen(project: ModelClone) -> None:
    edit(project, "promote: auc >= prod.auc - 0.01", "stage: pre-prod\n    promote: auc > stage['pre-prod'].auc")
    project.model("assign", "churn", "pre-prod")
    (project.root / "live/b.csv").write_text("4\n")
    shown = project.dver("retrain", "--quiet")
    assert "stage['pre-prod'].auc  0.4 > 0.3" in shown.out
    assert "promoted: churn v0.0.2 is in pre-prod instead of v0.0.1" in shown.out


def test_quiet_prints_the_verdict_and_the_outcome_only(project: ModelClone) -> None:
    edit(project, "auc >= prod.auc - 0.01 and checks.pass", "auc < prod.auc")
    (project.root / "live/b.csv").write_text("4\n")
    shown = project.dver("retrain", "--quiet", rc=1)
    assert shown.out.splitlines() == [
        "  auc < prod.auc  0.4 < 0.3  does not hold",
        "not promoted: churn v0.0.2; v0.0.1 stays in prod",
    ]
    assert shown.err == ""


def test_json_has_the_verdict(project: ModelClone) -> None:
    (project.root / "live/b.csv").write_text("4\n")
    said = json.loads(project.dver("retrain", "--json").out)
    assert said["outcome"] == "promoted"
    assert said["verdict"]["conditions"][0] == {
        "text": "auc >= prod.auc - 0.01",
        "holds": True,
        "found": "0.4 >= 0.29",
        "is_missing": False,
    }


def test_two_retrainings_get_names_of_their_own(project: ModelClone) -> None:
    for number, name in enumerate("bc", 1):
        (project.root / f"live/{name}.csv").write_text("4\n")
        assert run(project).experiment == f"retrain-churn-{number}"
