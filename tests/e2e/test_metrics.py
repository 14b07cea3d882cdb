"""`dver params diff`, `dver metrics show` and `dver metrics diff`, between commits and the workspace."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from support import Run, Templates, run_dver
from workspaces import Project, write

STAGES = b"""\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh]
    params: [lr, other.toml: [model.depth]]
    metrics:
    - metrics.json: {cache: false}
    - stored.json
params: [extra.py]
metrics: [top.yaml]
"""
SCRIPT = b"""\
lr=$(sed -n 's/^lr: //p' params.yaml)
echo "{\\"acc\\": $lr, \\"classes\\": {\\"a\\": 1}}" > metrics.json
echo "{\\"inner\\": $lr}" > stored.json
"""
FILES = {
    "dver.yaml": STAGES,
    "train.sh": SCRIPT,
    "params.yaml": b"lr: 0.5\nunused: a\n",
    "other.toml": b"[model]\ndepth = 1\nunseen = 1\n",
    "extra.py": b"SEED = 1\n",
    "top.yaml": b"f1: 0.25\n",
}


@pytest.fixture
def project(tmp_path: Path, templates: Templates) -> Project:
    """Two commits, v1 and v2, and a run in the workspace that is not committed."""
    return Project(templates.copy("metrics", tmp_path / "repo", make_project))


def make_project(root: Path) -> None:
    made = Project.make(root)
    write(made.root, FILES)
    for name, lr in (("v1", b"0.5"), ("v2", b"0.75")):
        write(made.root, {"params.yaml": b"lr: %s\nunused: a\n" % lr})
        run_dver("repro", cwd=made.root)
        made.git("add", "-A")
        made.commit(name)
        made.git("tag", name)
    write(made.root, {"params.yaml": b"lr: 1.5\nadded: null\n", "extra.py": b"SEED = 2\n"})
    run_dver("repro", cwd=made.root)


# -- params


def test_params_show_prints_those_of_the_workspace(project: Project, run: Run) -> None:
    assert run("params", "show", "--csv", cwd=project.root).out.splitlines() == [
        "Revision,Path,Param,Value",
        "workspace,params.yaml,lr,1.5",
        "workspace,params.yaml,added,null",
        "workspace,other.toml,model.depth,1",
        "workspace,extra.py,SEED,2",
    ]
    assert run("params", "show", "params.yaml", cwd=project.root).out.split("\n")[1].split() == [
        "params.yaml",
        "lr",
        "1.5",
    ]


def test_params_show_takes_revisions_and_those_of_stages_alone(project: Project, run: Run) -> None:
    shown = run("params", "show", "--all-tags", "--deps", "--json", cwd=project.root).json
    assert list(shown) == ["workspace", "v1", "v2"]
    assert shown["v1"] == {"params.yaml": {"lr": 0.5}, "other.toml": {"model.depth": 1}}
    assert run("params", "show", "--rev", "v2", "--json", cwd=project.root).json["v2"]["params.yaml"]["unused"] == "a"
    run("params", "show", "--rev", "nothing", cwd=project.root, rc=2)


def test_params_diff_compares_head_with_the_workspace(project: Project, run: Run) -> None:
    assert run("params", "diff", cwd=project.root).out.splitlines() == [
        "Path         Param   HEAD  workspace",
        "params.yaml  lr      0.75        1.5",
        "params.yaml  added      -       null",
        "params.yaml  unused     a          -",
        "extra.py     SEED       1          2",
    ]


def test_params_diff_compares_two_revisions(project: Project, run: Run) -> None:
    found = run("params", "diff", "v1", "v2", "--json", cwd=project.root).json
    assert found == {"params.yaml": {"lr": {"old": 0.5, "new": 0.75}}}
    assert run("params", "diff", "v1", "v1", cwd=project.root).out == ""
    assert "no params differ" in run("params", "diff", "v1", "v1", cwd=project.root).err


def test_params_of_stages_alone_can_be_asked_for(project: Project, run: Run) -> None:
    found = run("params", "diff", "v1", "--deps", "--all", "--json", cwd=project.root).json
    assert found == {
        "params.yaml": {"lr": {"old": 0.5, "new": 1.5}},
        "other.toml": {"model.depth": {"old": 1, "new": 1}},
    }


def test_paths_are_told_from_where_the_user_stands(project: Project, run: Run) -> None:
    (project.root / "sub").mkdir()
    found = run("params", "diff", "--json", "--targets", "../extra.py", cwd=project.root / "sub").json
    assert found == {"../extra.py": {"SEED": {"old": 1, "new": 2}}}


# -- metrics show and diff


def test_metrics_show_prints_those_of_the_workspace(project: Project, run: Run) -> None:
    assert run("metrics", "show", cwd=project.root).out.splitlines() == [
        "Path          Metric     Value",
        "metrics.json  acc          1.5",
        "metrics.json  classes.a      1",
        "stored.json   inner        1.5",
        "top.yaml      f1          0.25",
    ]


def test_metrics_of_a_revision_come_from_git_and_from_the_store(project: Project, run: Run) -> None:
    shutil.rmtree(project.root / "sub", ignore_errors=True)
    found = run("metrics", "show", "--rev", "v1", "--json", cwd=project.root).json
    assert found == {
        "v1": {"metrics.json": {"acc": 0.5, "classes.a": 1}, "stored.json": {"inner": 0.5}, "top.yaml": {"f1": 0.25}}
    }


def test_each_commit_is_shown_once_under_all_its_names(project: Project, run: Run) -> None:
    shown = run("metrics", "show", "--all-branches", "--all-tags", "--all-commits", "--json", cwd=project.root).json
    assert list(shown)[:3] == ["workspace", "main, v2", "v1"]
    assert [one["stored.json"]["inner"] for one in list(shown.values())[:3]] == [1.5, 0.75, 0.5]
    table = run("metrics", "show", "--all-tags", "metrics.json", cwd=project.root).out.splitlines()
    assert table == [
        "Revision   Path           acc  classes.a",
        "workspace  metrics.json   1.5          1",
        "v1         metrics.json   0.5          1",
        "v2         metrics.json  0.75          1",
    ]


def test_metrics_diff_says_by_how_much(project: Project, run: Run) -> None:
    assert run("metrics", "diff", "v1", cwd=project.root).out.splitlines() == [
        "Path          Metric   v1  workspace  Change",
        "metrics.json  acc     0.5        1.5      +1",
        "stored.json   inner   0.5        1.5      +1",
    ]
    found = run("metrics", "diff", "v1", "v2", "--json", "--all", cwd=project.root).json
    assert found["metrics.json"]["acc"] == {"old": 0.5, "new": 0.75, "diff": 0.25}
    assert found["top.yaml"]["f1"] == {"old": 0.25, "new": 0.25, "diff": 0.0}


def test_what_a_revision_does_not_have_is_added_or_removed(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": STAGES.replace(b"    - stored.json\n", b"").replace(b"top", b"more")})
    write(project.root, {"more.yaml": b"f2: 1\n"})
    found = run("metrics", "diff", "--json", "--targets", ".", cwd=project.root).json
    assert found["stored.json"] == {"inner": {"old": 0.75}}
    assert found["more.yaml"] == {"f2": {"new": 1}}


def test_tables_are_written_as_csv_and_markdown(project: Project, run: Run) -> None:
    write(project.root, {"top.yaml": b'"a|b": "x,\\"y"\nbig: 0.1234567891234\nnothing: .nan\n'})
    rows = list(csv.reader(run("metrics", "show", "--csv", "top.yaml", cwd=project.root).out.splitlines()))
    assert rows == [
        ["Revision", "Path", "Metric", "Value"],
        ["workspace", "top.yaml", "a|b", 'x,"y'],
        ["workspace", "top.yaml", "big", "0.1234567891234"],
        ["workspace", "top.yaml", "nothing", "nan"],
    ]
    table = run("metrics", "show", "--md", "top.yaml", "--precision", "3", cwd=project.root).out
    assert table.splitlines() == [
        "| Path | Metric | Value |",
        "| --- | --- | --- |",
        r'| top.yaml | a\|b | x,"y |',
        "| top.yaml | big | 0.123 |",
        "| top.yaml | nothing | nan |",
    ]
    shown = json.loads(run("metrics", "show", "--json", "top.yaml", cwd=project.root).out, parse_constant=pytest.fail)
    assert shown["workspace"]["top.yaml"]["nothing"] == "NaN"


# -- what cannot be read


def test_a_metric_that_is_not_in_the_store_is_named_with_the_command_that_gets_it(project: Project, run: Run) -> None:
    shutil.rmtree(project.store)
    result = run("metrics", "show", "--rev", "v1", cwd=project.root)
    assert "stored.json" not in result.out
    assert "the content of 'stored.json' at v1 is not in the store" in result.err
    assert "dver fetch --rev v1 stored.json" in result.err
    assert run("metrics", "show", "--rev", "v1", "stored.json", cwd=project.root, rc=5).out == ""


def test_a_file_that_is_missing_or_damaged_is_a_warning_naming_it(project: Project, run: Run) -> None:
    os.unlink(project.root / "metrics.json")
    write(project.root, {"stored.json": b'{"a": ', "top.yaml": b"f1: 1\n"})
    result = run("metrics", "show", cwd=project.root)
    assert result.out.splitlines()[1:] == ["top.yaml  f1          1"]
    assert "'metrics.json' is not in the workspace" in result.err
    assert "stored.json:1:" in result.err
    assert "(in the workspace)" in result.err


@pytest.mark.parametrize("content", [b"[1, 2]", b"\xff\xff", b"{{{", b"a: *x", b"[" * 10000, b"a: !!python/none x"])
def test_a_file_of_anything_is_told_in_plain_words(project: Project, run: Run, content: bytes) -> None:
    write(project.root, {"top.yaml": content})
    assert "top.yaml" in run("metrics", "show", "top.yaml", cwd=project.root, rc=9).err


def test_a_broken_dver_yaml_of_one_revision_spares_the_others(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": b"stages: ["})
    project.git("add", "-A")
    project.commit("broken")
    result = run("metrics", "show", "--rev", "v1", "--rev", "HEAD", "--json", cwd=project.root)
    assert result.json["v1"]["top.yaml"] == {"f1": 0.25}
    assert result.json["HEAD"] == {}
    assert "dver.yaml:2:1:" in result.err
    assert "(at HEAD)" in result.err
    assert run("metrics", "show", "--rev", "HEAD", cwd=project.root, rc=9).out == ""


def test_a_path_out_of_the_repository_is_refused(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": b"metrics: [../../secret.json, top.yaml]\n"})
    assert "outside of the repository" in run("metrics", "show", cwd=project.root, rc=2).err
    assert "outside of the project" in run("metrics", "show", "/etc/hostname", cwd=project.root, rc=2).err


def test_what_is_no_regular_file_is_not_waited_for(project: Project, run: Run) -> None:
    os.mkfifo(project.root / "pipe.json")
    assert "is not a file" in run("metrics", "show", "pipe.json", cwd=project.root, rc=2).err


def test_keys_and_values_cannot_talk_to_the_terminal(project: Project, run: Run) -> None:
    write(project.root, {"top.yaml": b'"\\e[31m": "\\e]0;x\\a"\n"two\\nlines": 1\n'})
    for form in ((), ("--md",)):
        out = run("metrics", "show", "top.yaml", *form, cwd=project.root).out
        assert "\x1b" not in out
        assert "\a" not in out
        assert len(out.splitlines()) == (4 if form else 3)


def test_a_revision_that_does_not_exist_is_a_usage_error(project: Project, run: Run) -> None:
    assert "unknown revision 'v3'" in run("metrics", "diff", "v3", cwd=project.root, rc=2).err
    assert "unknown revision 'v3'" in run("params", "diff", "v1", "v3", cwd=project.root, rc=2).err


def test_a_project_without_metrics_says_so(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "empty")
    assert "there are no metrics" in run("metrics", "show", cwd=project.root).err
    project.git("add", "-A")
    project.commit("first")
    assert "there are no params" in run("params", "diff", cwd=project.root).err


def test_metrics_tracked_by_a_pointer_are_read_at_a_revision(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "repo")
    write(project.root, {"dver.yaml": b"metrics: [eval]\n", "eval/a.json": b'{"a": 1}', "eval/b.json": b'{"b": 2}'})
    project.save("eval", message="tracked")
    project.git("add", "-A")
    project.git("commit", "-qm", "all", "--allow-empty")
    shutil.rmtree(project.root / "eval")
    found = run("metrics", "show", "--rev", "HEAD", "--json", cwd=project.root).json
    assert found == {"HEAD": {"eval/a.json": {"a": 1}, "eval/b.json": {"b": 2}}}


def test_another_project_inside_is_left_alone(project: Project, run: Run) -> None:
    write(project.root, {"inner/dver.yaml": b"metrics: [m.json]\n", "inner/m.json": b'{"a": 1}'})
    write(project.root, {"inner/.dver/config.toml": b""})
    project.git("add", "-Af", "inner")
    project.commit("inner")
    assert "m.json" not in run("metrics", "show", "--rev", "HEAD", cwd=project.root).out


def test_one_form_at_a_time(project: Project, run: Run) -> None:
    assert "exclude each other" in run("metrics", "show", "--json", "--csv", cwd=project.root, rc=2).err


def test_values_of_any_size_and_depth_are_shown_or_refused(project: Project, run: Run) -> None:
    write(project.root, {"half.json": b'{"\\ud800": "\\udcff", "n": 1%s}' % (b"0" * 300)})
    for form in ((), ("--csv",), ("--md",), ("--json",)):
        run("metrics", "show", "half.json", *form, cwd=project.root)
        run("metrics", "diff", "--targets", "half.json", *form, cwd=project.root)
    for depth in (90, 101, 900, 5000):
        write(project.root, {"deep.json": b'{"a":' * depth + b"1" + b"}" * depth})
        assert "deep" in run("metrics", "show", "deep.json", cwd=project.root, rc=0 if depth < 100 else 9).out + "deep"
    write(project.root, {"big.json": b'{"a": -%s, "b": 1e308, "c": -Infinity}' % (b"9" * 4300)})
    run("metrics", "diff", "--targets", "big.json", cwd=project.root)
    project.git("add", "-A")
    project.commit("big")
    write(project.root, {"big.json": b'{"a": %s, "b": -1e308, "c": Infinity}' % (b"9" * 4300)})
    run("metrics", "diff", "--targets", "big.json", cwd=project.root)


def test_many_files_that_cannot_be_read_are_counted(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": b"metrics: [top.yaml, %s]\n" % b", ".join(b"m%d" % n for n in range(25))})
    assert "not in the workspace: m0, m1, m2 and 22 more" in run("metrics", "show", cwd=project.root).err
    write(project.root, {f"m{n}": b"[" for n in range(25)})
    err = run("metrics", "show", cwd=project.root).err
    assert err.count("warning: ") == 21
    assert "5 more files could not be read" in err


def test_a_metric_may_be_one_bare_number(project: Project, run: Run) -> None:
    write(project.root, {"auc.txt": b"0.93\n", "loss.json": b"1e-3", "list.json": b"[1]"})
    found = run("metrics", "show", "auc.txt", "loss.json", "--json", cwd=project.root).out
    assert '"auc": 0.93' in found
    assert '"loss": 0.001' in found
    assert "expected a mapping or a number" in run("metrics", "show", "list.json", cwd=project.root, rc=None).err
