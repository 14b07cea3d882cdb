"""`dver model register`."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from blake3 import blake3
from registering import ModelClone, make_model_project, model_clone
from support import Run, git

import dver


@pytest.fixture
def project(tmp_path: Path) -> ModelClone:
    return make_model_project(tmp_path, "--no-hooks")


def test_a_registration_records_content_metrics_and_lineage(project: ModelClone) -> None:
    found = project.model("register", "churn", "-m", "The first one")
    assert found.out.startswith("registered churn v0.0.1 (model.pkl, 3 B) at ")
    assert found.err == (
        "the tag churn@v0.0.1 is in this clone only; "
        "to share it: dver push --rev churn@v0.0.1 && git push origin churn@v0.0.1\n"
    )
    details = project.details("churn@v0.0.1")
    assert details.pop("lineage") == _lineage(project)
    assert details == {
        "content": f"blake3:{blake3(b'one').hexdigest()}",
        "format": 1,
        "metrics": {"metrics.json:auc": 0.3},
        "path": "model.pkl",
        "size": 3,
        "type": "model",
    }
    assert project.git("tag", "-l", "--format=%(subject)") == "The first one\n"
    assert project.dver("cat", "--rev", "churn@latest", "model.pkl").out == "one"


def _lineage(project: ModelClone) -> str:
    """The digest of the only stage by its specification (docs/format/registry.md)."""
    block = (project.root / "dver.lock").read_text().removeprefix("stages:\n").removesuffix("version: 1\n")
    return blake3(f"train\n{block}".encode()).hexdigest()


def test_the_metrics_of_other_stages_are_not_recorded(project: ModelClone) -> None:
    pipeline = project.root / "dver.yaml"
    other = "  other:\n    cmd: echo 1 > loss.json\n    metrics: [loss.json: {cache: false}]\nartifacts:"
    evaluation = (
        "  evaluate:\n    cmd: wc -c < model.pkl > f1.json\n    deps: [model.pkl]\n"
        "    metrics: [f1.json: {cache: false}]\n"
    )
    pipeline.write_text(pipeline.read_text().replace("artifacts:", evaluation + other))
    project.commit("four")
    project.model("register", "churn")
    assert project.details("churn@v0.0.1")["metrics"] == {"metrics.json:auc": 0.4, "f1.json:f1": 4}


def test_a_commit_or_content_with_a_version_is_refused_and_the_fix_gives_a_second_one(project: ModelClone) -> None:
    project.model("register", "churn")
    again = project.model("register", "churn", rc=4)
    assert again.err.startswith("error: 'churn' is already registered as v0.0.1\nwhy: commit ")
    project.git("commit", "--quiet", "--allow-empty", "-m", "Only code")
    unchanged = project.model("register", "churn", rc=4)
    assert "why: its content has not changed since\n" in unchanged.err
    fix = shlex.split(unchanged.err.rpartition("name it: ")[2])
    assert fix == ["dver", "model", "register", "churn", "v0.0.2"]
    project.dver(*fix[1:])
    assert project.tags() == ["churn@v0.0.1", "churn@v0.0.2"]


def test_a_second_version_of_a_commit_notes_that_gto_cannot_read_its_stages(project: ModelClone) -> None:
    project.model("register", "churn", "v1.0.0-rc.1")
    found = project.model("register", "churn", "1.0.0")
    assert "also has the version v1.0.0-rc.1; gto refuses to read a registry with stages of such a commit" in found.err
    assigned = project.model("assign", "churn", "prod", "v1.0.0-rc.1")
    assert "also has the version v1.0.0; gto refuses" in assigned.err
    assert project.dver("model", "list", "--json").json[0]["stages"] == {"prod": "v1.0.0-rc.1"}


def test_uncommitted_content_is_not_registered_and_said(project: ModelClone) -> None:
    (project.root / "data.csv").write_text("others")
    project.dver("add", "data.csv")
    project.dver("repro")
    found = project.model("register", "churn")
    assert "the workspace has other content of churn; the commit was registered" in found.err
    assert project.details("churn@v0.0.1")["size"] == 3
    again = project.model("register", "churn", rc=4)
    assert "why: its new content is not committed\nfix: git commit -a && dver model register churn" in again.err
    project.git("commit", "-aqm", "others")
    project.model("register", "churn")
    assert project.details("churn@v0.0.2")["size"] == 6


def test_the_fix_for_content_that_no_commit_has_commits_it(project: ModelClone) -> None:
    (project.root / "new.pkl").write_text("new")
    found = project.model("register", "new", "--path", "new.pkl", rc=2)
    add, _, rest = found.err.rpartition("fix: ")[2].partition(" && ")
    assert (add, rest) == ("dver add new.pkl", "git commit; if Git should track it, git add instead\n")
    project.dver(*add.split()[1:])
    tracked = project.model("register", "new", "--path", "new.pkl", rc=2)
    assert tracked.err.endswith("fix: git add -- new.pkl.dver && git commit\n")
    project.git("add", "--", "new.pkl.dver")
    project.git("commit", "-qm", "Add a model")
    project.model("register", "new", "--path", "new.pkl")


def test_details_that_cannot_be_read_stop_nothing(project: ModelClone) -> None:
    for number, details in enumerate(('{"format": 99}', "broken", "[]")):
        project.git("tag", "-a", "-m", f"text\n\ndver: {details}", f"churn@v{number}.0.0")
        project.git("commit", "-qm", "nothing", "--allow-empty")
    assert project.model("register", "--changed", "--json").json["unchanged"] == ["churn"]
    project.model("register", "churn", "v3.0.0", "--push")
    project.model("assign", "churn", "prod", "v1.0.0", "--push")
    project.model("assign", "churn", "prod", "v1.0.0", "--push")
    project.model("rollback", "churn", "prod", rc=2)


def test_bump_rev_and_versions_choose_what_is_registered(project: ModelClone) -> None:
    first = project.git("rev-parse", "HEAD").strip()
    project.commit("three")
    project.model("register", "churn", "--bump", "major")
    project.model("register", "churn@v0.5.0", "--rev", "HEAD~1")
    assert project.git("rev-list", "-1", "churn@v0.5.0").strip() == first
    project.commit("fours")
    project.model("register", "churn", "--bump", "minor")
    assert project.tags() == ["churn@v0.5.0", "churn@v1.0.0", "churn@v1.1.0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chrn"], "did you mean churn?"),
        (["churn", "one"], "invalid version 'one'"),
        (["churn", "v1.0.0", "--bump", "major"], "exclude each other"),
        (["churn", "--rev", "HEAD", "--exp", "otter"], "name two commits"),
        (["churn", "--path", "data.csv"], "is at 'model.pkl' by its dver.yaml, not at 'data.csv'"),
        (["other"], "dver model register other --path PATH"),
        (["other", "--path", "missing.pkl"], "is not in commit"),
        (["other", "--path", "/etc/passwd"], "outside of the project"),
        (["--changed", "--bump", "major"], "--changed and --bump exclude each other"),
        (["--changed", "churn", "v1.0.0"], "--changed and a version exclude each other"),
        (["--changed", "--path", "data.csv"], "--changed and --path exclude each other"),
        ([], "no model is named"),
        (["a b"], "invalid artifact name"),
        (["churn", "--rev", "nothing"], "unknown revision 'nothing'"),
        (["churn", "--exp", "nothing"], "no experiment 'nothing'"),
        (["churn", "--push", "v1.0.0"], "no Git remote is called 'v1.0.0'"),
    ],
)
def test_wrong_arguments_are_explained_and_make_no_tag(project: ModelClone, words: list[str], said: str) -> None:
    assert said in project.model("register", *words, rc=2).err
    assert project.tags() == []


def test_paths_without_an_entry_can_be_registered_from_a_subdirectory_and_again(project: ModelClone) -> None:
    (project.root / "code").mkdir()
    (project.root / "code/rules.txt").write_text("if rain: stay")
    project.git("add", "--all")
    project.git("commit", "-qm", "Add rules")
    inside = ModelClone(project.root / "code")
    inside.model("register", "rules", "--path", "rules.txt")
    details = project.details("rules@v0.0.1")
    assert (details["path"], details["size"], "content" in details) == ("code/rules.txt", 13, False)
    project.git("commit", "-qm", "nothing", "--allow-empty")
    assert "has not changed since" in project.model("register", "rules", rc=4).err
    (project.root / "code/rules.txt").write_text("if rain: go")
    project.git("commit", "-aqm", "Change rules")
    project.model("register", "rules")
    assert project.details("rules@v0.0.2")["path"] == "code/rules.txt"


def test_artifacts_in_subdirectories_and_inside_tracked_directories_are_registered(project: ModelClone) -> None:
    team = project.root / "team"
    (team / "weights").mkdir(parents=True)
    (team / "weights/a.bin").write_text("aaaa")
    (team / "weights/b.bin").write_text("bb")
    (team / "dver.yaml").write_text("artifacts:\n  best: {path: weights/a.bin}\n  all: {path: weights}\n")
    project.dver("add", "team/weights")
    project.git("add", "--all")
    project.git("commit", "-qm", "Add weights")
    project.model("register", "team:best", "v1.0.0")
    project.model("register", "team:all")
    assert project.tags() == ["team=all@v0.0.1", "team=best@v1.0.0"]
    best, everything = project.details("team=best@v1.0.0"), project.details("team=all@v0.0.1")
    assert (best["path"], best["size"]) == ("team/weights/a.bin", 4)
    assert best["content"] == f"blake3:{blake3(b'aaaa').hexdigest()}"
    assert (everything["path"], everything["size"]) == ("team/weights", 6)
    assert "did you mean team:best?" in project.model("register", "best", rc=2).err


def test_changed_registers_what_differs_from_its_latest_version(project: ModelClone) -> None:
    first = project.model("register", "--changed", "--json").json
    assert [one["tag"] for one in first["registered"]] == ["churn@v0.0.1", "rows@v0.0.1"]
    again = project.model("register", "--changed")
    assert (again.out, again.err) == ("", "2 models unchanged: churn, rows\n")
    pipeline = project.root / "dver.yaml"
    pipeline.write_text(pipeline.read_text().replace("cat data.csv >", "rev data.csv >"))
    project.dver("repro")
    project.git("commit", "-aqm", "Change the code only")
    only = project.model("register", "--changed", "--json").json
    assert ([one["tag"] for one in only["registered"]], only["unchanged"]) == (["churn@v0.0.2"], ["rows"])
    assert project.model("register", "--changed", "rows").err == "1 model unchanged: rows\n"


def test_changed_compares_with_tags_of_gto_by_their_commits(project: ModelClone) -> None:
    project.git("tag", "-a", "-m", "by gto", "churn@v3.0.0")
    project.git("commit", "-qm", "nothing", "--allow-empty")
    found = project.model("register", "--changed", "--json").json
    assert ([one["tag"] for one in found["registered"]], found["unchanged"]) == (["rows@v0.0.1"], ["churn"])


def test_changed_registers_the_others_if_one_fails(project: ModelClone) -> None:
    pipeline = project.root / "dver.yaml"
    pipeline.write_text(pipeline.read_text() + "  absent: {path: absent.pkl}\n")
    project.git("commit", "-aqm", "Name a model that does not exist")
    found = project.model("register", "--changed", rc=2)
    assert "warning: absent is not registered: 'absent.pkl' is not in commit" in found.err
    assert project.tags() == ["churn@v0.0.1", "rows@v0.0.1"]


def test_the_model_of_an_experiment_is_registered_without_a_branch(project: ModelClone) -> None:
    project.git("checkout", "--quiet", "--", ".")
    (project.root / "data.csv").write_text("an experiment")
    project.dver("add", "data.csv")
    project.dver("exp", "run", "-n", "otter")
    project.model("register", "churn", "--exp", "otter", "--push")
    details = project.details("churn@v0.0.1")
    assert (details["experiment"], details["size"]) == ("otter", 13)
    other = model_clone(project.root.parent, "other")
    other.dver("fetch", "--rev", "churn@v0.0.1", "model.pkl")
    assert other.dver("cat", "--rev", "churn@v0.0.1", "model.pkl").out == "an experiment"


def test_a_dry_run_makes_no_tag(project: ModelClone) -> None:
    found = project.model("register", "churn", "--dry-run", "--push")
    assert found.out.startswith("would register churn v0.0.1 (model.pkl, 3 B)")
    assert "would register" in project.model("register", "--changed", "--dry-run").out
    assert project.tags() == []


def test_names_and_emails_of_authors_are_asked_for(project: ModelClone, run: Run) -> None:
    env = {"GIT_COMMITTER_NAME": "", "GIT_AUTHOR_NAME": "", "GIT_CONFIG_GLOBAL": "/dev/null", "EMAIL": ""}
    for key in ("user.name", "user.email"):
        project.git("config", "--unset", key, rc=None)
    found = run("model", "register", "churn", cwd=project.root, env=env, rc=3)
    assert "error: Git does not know the author of the tag" in found.err
    assert found.err.endswith('fix: git config user.name "NAME"; git config user.email "EMAIL"\n')


def test_secrets_in_messages_are_not_published(project: ModelClone) -> None:
    project.model("register", "churn", "-m", "From https://me:hunter2secret@example.org/x and ghp_" + "a1" * 18)
    assert "hunter2secret" not in project.git("cat-file", "tag", "churn@v0.0.1")


def test_python_registers_and_assigns(project: ModelClone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    model = dver.Project.find().model
    (registered,) = model.register("churn", push=True).registered
    assert (registered.version, registered.git_remote, registered.created) == ("v0.0.1", "origin", True)
    assert model.assign("churn", "prod", push="origin").after == "v0.0.1"
    assert git("tag", cwd=project.root.parent / "origin.git").split() == ["churn#prod#1", "churn@v0.0.1"]
    project.commit("three")
    (second,) = model.register(changed=True, name="churn").registered
    model.assign("churn", "prod")
    assert model.rollback("churn", "prod").after == "v0.0.1"
    assert model.unassign("churn", "prod").after == "v0.0.2"
    model.unassign("churn", "prod", "v0.0.2")
    assert model.deregister("churn", str(second.version)).tag == "churn@v0.0.2!"
    assert model.deprecate("churn", message="use another").tag == "churn@deprecated"
    with pytest.raises(dver.UsageError):
        model.register()
    with pytest.raises(dver.UsageError):
        model.register("churn", "v1.0.0", changed=True)
