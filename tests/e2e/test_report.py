"""`dver report`: what a branch changes, from a project with stages, in clones as CI makes them."""

from __future__ import annotations

import re
import shlex
import struct
import zlib
from pathlib import Path

import pytest
from registering import ModelClone, make_model_project
from support import Result, Run, Templates, git, run_dver
from workspaces import Project, write

STAGES = b"""\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh, data]
    params: [lr]
    outs: [model]
    metrics:
    - metrics.json: {cache: false}
    plots:
    - roc.csv: {x: x, y: y}
  other:
    cmd: cp params.yaml other
    deps: [params.yaml]
    outs: [other]
"""
SCRIPT = b"""\
lr=$(sed -n 's/^lr: //p' params.yaml)
cat data/* > model && echo $lr >> model
echo "{\\"acc\\": $lr, \\"loss\\": 0.5, \\"classes\\": {\\"a\\": 1}}" > metrics.json
printf 'x,y\\n0,0\\n1,%s\\n' $lr > roc.csv
"""


@pytest.fixture
def project(tmp_path: Path, templates: Templates) -> Project:
    """The branch `main` with one run, and the branch `feature`, which is checked out, with another one."""
    return Project(templates.copy("report", tmp_path / "repo", make_project))


def make_project(root: Path) -> None:
    made = Project.make(root)
    write(made.root, {"dver.yaml": STAGES, "train.sh": SCRIPT, "params.yaml": b"lr: 0.5\n"})
    write(made.root, {"data/a.csv": b"1\n", "data/b.csv": b"2\n"})
    run_dver("add", "data", cwd=root)
    run_dver("repro", cwd=root)
    made.git("add", "-A")
    made.commit("first")
    made.git("branch", "-M", "main")
    made.git("switch", "-q", "-c", "feature")
    write(made.root, {"params.yaml": b"lr: 0.75\n", "data/c.csv": b"3\n" * 1000})
    run_dver("add", "data", cwd=root)
    run_dver("repro", cwd=root)
    made.git("add", "-A")
    made.commit("second")


def report(project: Project, *args: str, rc: int = 0) -> Result:
    return run_dver("report", *args, cwd=project.root, rc=rc)


def test_a_branch_is_compared_with_the_merge_base_of_main(project: Project) -> None:
    project.git("switch", "-q", "main")
    write(project.root, {"params.yaml": b"lr: 0.1\n"})
    project.git("commit", "-qam", "main moves on")
    project.git("switch", "-q", "feature")

    out = report(project).out

    assert "| `metrics.json` | `acc` | 0.5 | 0.75 | +0.25 ↑ | 🟢 better (higher is better) |" in out
    assert "1 of 3 metrics changed: 🟢 1 better." in out
    assert "| `params.yaml` | `lr` | 0.5 | 0.75 |" in out
    assert "| `data` | 2 → 3 | 4 B → 2.0 kB | 1 added |" in out
    assert "- A `data/c.csv` (2.0 kB)" in out
    assert "1 of 1 plot changed." in out
    assert "No data checks failed; all stages are up to date; no models to register." in out
    assert "0.1" not in out


def test_the_report_for_programs_has_the_values(project: Project) -> None:
    found = report(project, "--json").json

    assert found["old"] == {"name": "main", "commit": project.git("rev-parse", "main").strip()}
    assert found["new"] == {"name": "HEAD", "commit": project.git("rev-parse", "HEAD").strip()}
    (change,) = found["sections"]["metrics"]["changes"]
    assert change == {
        "path": "metrics.json",
        "name": "acc",
        "old": 0.5,
        "new": 0.75,
        "difference": 0.25,
        "direction": "maximize",
        "verdict": "better",
    }
    assert [one["path"] for one in found["sections"]["data"]["paths"]] == ["data", "model", "other", "roc.csv"]
    assert found["sections"]["data"]["added"] == 1
    assert found["sections"]["stages"]["has_changes"] is False


def test_changes_that_are_not_committed_are_part_of_it(project: Project) -> None:
    write(project.root, {"params.yaml": b"lr: 0.9\n"})

    out = report(project, "--against", "HEAD").out

    assert out.startswith("## Changes from `HEAD` (")
    assert " to the workspace\n" in out
    assert "| `params.yaml` | `lr` | 0.75 | 0.9 |" in out
    assert "2 stages to run: `dver repro`." in out
    assert "- `train`: `parameter lr of params.yaml: 0.75 -> 0.9`" in out


def test_the_default_branch_is_compared_with_its_last_commit(project: Project) -> None:
    project.git("switch", "-q", "-C", "main", "feature")

    assert report(project).out.startswith("## Changes from `HEAD~1` (")


def test_a_clone_without_data_reports_what_pointers_and_locks_say(project: Project, run: Run) -> None:
    git("clone", "-q", str(project.root), "clone", cwd=project.root.parent)
    clone = project.root.parent / "clone"

    out = run("report", "--against", "origin/main", cwd=clone).out

    assert "| `data` | 2 → 3 | 4 B → 2.0 kB | unknown: not in the store |" in out
    assert "> 1 path not in the store at `origin/main`; fix: `dver fetch --rev origin/main data`" in out
    assert "> 1 path not in the store at `origin/main`; fix: `dver fetch --rev origin/main roc.csv`" in out
    assert "ll stages are up to date" in out


def test_the_fixes_of_a_clone_without_data_can_be_typed(project: Project, run: Run) -> None:
    run("remote", "add", "-d", "store", str(project.root.parent / "store"), cwd=project.root)
    project.commit("a remote")
    run("push", "--all-commits", cwd=project.root)
    git("clone", "-q", str(project.root), "clone", cwd=project.root.parent)
    clone = project.root.parent / "clone"
    fixes = set(re.findall(r"fix: `(dver fetch [^`]+)`", run("report", "--against", "origin/main", cwd=clone).out))
    assert len(fixes) == 4

    for one in fixes:
        run(*shlex.split(one)[1:], cwd=clone)

    out = run("report", "--against", "origin/main", cwd=clone).out
    assert "fix:" not in out
    assert "| `data` | 2 → 3 | 4 B → 2.0 kB | 1 added |" in out
    assert "1 of 1 plot changed." in out


def test_a_clone_without_data_knows_that_a_stage_did_not_run_on_new_data(project: Project, run: Run) -> None:
    write(project.root, {"data/d.csv": b"4\n"})
    run("add", "data", cwd=project.root)
    project.commit("data without a run")
    git("clone", "-q", str(project.root), "clone", cwd=project.root.parent)

    out = run("report", "--against", "HEAD~1", cwd=project.root.parent / "clone").out

    assert "- `train`: `changed: data (3 files, 2.0 kB -> 4 files, 2.0 kB)`" in out


def test_a_page_and_a_markdown_file_have_pictures(project: Project) -> None:
    report(project, "-o", "out/report.md")
    report(project, "-o", "out/report.html")

    text = (project.root / "out/report.md").read_text()
    assert "![roc.csv](report_files/roc.png)" in text
    assert (project.root / "out/report_files/roc.png").read_bytes().startswith(b"\x89PNG")
    assert b'src="data:image/png;base64,' in (project.root / "out/report.html").read_bytes()
    report(project, "-o", "out/report.md")  # dver overwrites its own files


@pytest.mark.parametrize("name", ["README.md", "page.html", "values.json"])
def test_files_of_others_are_not_overwritten(project: Project, name: str) -> None:
    (project.root / name).write_text("mine")

    assert "dver would overwrite it" in report(project, "-o", name, rc=4).err
    assert (project.root / name).read_text() == "mine"


def test_a_section_that_fails_says_why_and_the_others_are_written(project: Project) -> None:
    write(project.root, {"dver.yaml": STAGES + b"  broken: 1\n"})

    out = report(project).out

    assert "dver.yaml" in out
    assert "| `data` | 2 → 3 |" in out
    assert "| `metrics.json` |" not in out  # unknown, and not removed
    assert "plots changed" not in out


def test_data_that_is_not_checked_out_is_not_removed(project: Project) -> None:
    (project.root / "roc.csv").unlink()
    write(project.root, {"train.sh": SCRIPT + b"echo\n"})

    out = report(project, "--against", "HEAD").out

    assert " to the workspace\n" in out
    assert "o plots changed" in out
    assert "`roc.csv`" not in out
    assert "roc.csv' is not in the workspace" in report(project, "--against", "main").out


def test_secrets_are_masked(project: Project) -> None:
    secret = "hunter2hunter2"
    write(
        project.root, {"params.yaml": f"lr: 0.75\napi_key: {secret}\nurl: https://me:{secret}@example.org\n".encode()}
    )

    for form in ("--md", "--html", "--json"):
        found = report(project, form).out
        assert secret not in found
        assert "api_key" in found


@pytest.fixture
def models(tmp_path: Path) -> ModelClone:
    """A branch on which a new model was trained. The model is registered and in a stage; the dataset is not."""
    clone = make_model_project(tmp_path)
    clone.git("branch", "-M", "main")
    clone.model("register", "churn", "v1.0.0")
    clone.model("assign", "churn", "prod")
    clone.git("switch", "-q", "-c", "feature")
    return clone


def test_models_that_a_merge_would_register(models: ModelClone) -> None:
    models.commit("new rows")

    out = models.dver("report", "--against", "main").out

    assert "2 versions to register: `dver model register --changed`." in out
    assert "| `churn` | `model.pkl` | 8 B | `v1.0.0` | `v1.0.1` | `prod: v1.0.0` |" in out
    assert "| `rows` | `data.csv` | 8 B | - | `v0.0.1` | - |" in out
    planned = models.dver("report", "--against", "main", "--json").json["sections"]["models"]["models"]
    models.model("register", "--changed")
    assert {one["name"]: one["next"] for one in planned} == {"churn": "v1.0.1", "rows": "v0.0.1"}
    assert {"churn@v1.0.1", "rows@v0.0.1"} <= set(models.tags())
    assert "o models to register" in models.dver("report", "--against", "main").out


def test_a_model_that_is_not_committed_would_be_registered(models: ModelClone) -> None:
    models.model("register", "rows")
    (models.root / "data.csv").write_text("other rows")
    models.dver("add", "data.csv")

    assert "o models to register" not in (out := models.dver("report", "--against", "HEAD").out)
    assert "| `rows` | `data.csv` | 10 B | `v0.0.1` | `v0.0.2` | - |" in out
    assert "| `churn` |" not in out
    models.dver("repro")
    assert "| `churn` | `model.pkl` |" in models.dver("report", "--against", "HEAD").out


def test_a_model_in_git_is_compared_by_its_blob(models: ModelClone) -> None:
    (models.root / "dver.yaml").write_text("artifacts:\n  rules: {path: rules.txt}\n  lost: {path: lost.txt}\n")
    (models.root / "rules.txt").write_text("one")
    models.git("add", "rules.txt")
    models.git("commit", "-qam", "rules")
    models.model("register", "rules")

    out = models.dver("report", "--against", "HEAD~1").out
    assert "`'lost.txt' is not in commit" in out
    assert "| `rules` |" not in out

    (models.root / "rules.txt").write_text("another")
    assert "| `rules` | `rules.txt` | 7 B | `v0.0.1` | `v0.0.2` | - |" in models.dver("report", "--against", "HEAD").out


def test_many_changed_files_are_listed_by_directory(project: Project) -> None:
    write(project.root, {f"data/{at % 3}/{at}.csv": b"x" * (at + 1) for at in range(300)})
    run_dver("add", "data", cwd=project.root)

    out = report(project, "--against", "HEAD").out

    assert "<details><summary>300 changed files in 3 directories</summary>" in out
    assert "- `data/0`: 100 added" in out
    assert "… " not in out


def test_data_that_moved_to_another_path_is_renamed(project: Project) -> None:
    run_dver("move", "data", "moved", cwd=project.root)

    out = report(project, "--against", "HEAD").out

    assert "- R `data/c.csv` → `moved/c.csv` (2.0 kB)" in out
    assert "2 paths changed (files: 3 renamed), +0 B." in out


def test_forms_exclude_each_other(project: Project) -> None:
    assert "--md and --json exclude each other" in report(project, "--md", "--json", rc=2).out
    assert "--md and --html exclude each other" in report(project, "--md", "--html", rc=2).err


def test_an_image_is_shown_before_and_after(project: Project) -> None:
    write(project.root, {"dver.yaml": STAGES + b"plots: [fig.png]\n", "fig.png": png(b"\0")})
    project.git("add", "-A")
    project.commit("an image")
    write(project.root, {"fig.png": png(b"\xff")})

    report(project, "--against", "HEAD", "-o", "report.md")

    found = {one.name: one.read_bytes() for one in (project.root / "report_files").glob("*.png")}
    assert found == {"fig-HEAD.png": png(b"\0"), "fig-workspace.png": png(b"\xff")}
    assert "1 of 2 plots changed." in (project.root / "report.md").read_text()


def png(pixel: bytes) -> bytes:
    """A grey image of one pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" + pixel)) + chunk(b"IEND", b"")
