"""`dver plots show` and `dver plots diff`: pages and pictures of commits and the workspace."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from support import Result, Run, Templates, git, make_git_repo, run_dver
from workspaces import Project, write

STAGES = b"""\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh, lr]
    plots:
    - curve.csv: {cache: false, y: [acc, loss], title: Learning}
    - figures
plots:
- classes.json: {template: confusion, x: actual, y: predicted}
"""
SCRIPT = b"""\
lr=$(cat lr)
printf 'step,acc,loss\\n1,%s,3\\n2,%s5,2\\n' "$lr" "$lr" > curve.csv
mkdir -p figures/sub
printf "<svg xmlns='http://www.w3.org/2000/svg'><!-- $lr --></svg>" > figures/a.svg
printf 'n\\tvalue\\n1\\t%s\\n' "$lr" > figures/sub/b.tsv
echo text > figures/notes.txt
"""
FILES = {
    "dver.yaml": STAGES,
    "train.sh": SCRIPT,
    "classes.json": b'[{"actual": "cat", "predicted": "dog"}, {"actual": "dog", "predicted": "dog"}]',
}


@pytest.fixture
def project(tmp_path: Path, templates: Templates) -> Project:
    """A commit, v1, and a run in the workspace that is not committed."""
    return Project(templates.copy("plots", tmp_path / "repo", make_project))


def make_project(root: Path) -> None:
    made = Project.make(root)
    write(made.root, {**FILES, "lr": b"0.5"})
    run_dver("repro", cwd=made.root)
    made.git("add", "-A")
    made.commit("v1")
    made.git("tag", "v1")
    write(made.root, {"lr": b"0.25"})
    run_dver("repro", cwd=made.root)
    run_dver("plots", "show", cwd=made.root)  # keeps the JavaScript of the page, which takes a second to put together
    shutil.rmtree(made.root / "dver_plots")


def charts(page: Path) -> list[dict[str, Any]]:
    found = re.search(rb'<script type="application/json" id="charts">(.*?)</script>', page.read_bytes())
    assert found
    specs: list[dict[str, Any]] = json.loads(found[1])
    return specs


def headings(page: Path) -> list[str]:
    return re.findall(r"<section.*>\n<h2>(.*?)</h2>", page.read_text())


# -- show


def test_the_page_has_all_plots_of_the_workspace_and_needs_no_network(project: Project, run: Run) -> None:
    assert run("plots", "show", cwd=project.root).out == "dver_plots/index.html\n"
    page = project.root / "dver_plots/index.html"
    assert headings(page) == ["curve.csv", "figures/a.svg", "figures/sub/b.tsv", "classes.json"]
    curve, table, confusion = charts(page)
    assert curve["title"]["text"] == "Learning"
    assert [row["acc"] for row in curve["data"]["values"]][:2] == [0.25, 0.255]
    assert [(row["n"], row["value"], row["rev"]) for row in table["data"]["values"]] == [(1, 0.25, "workspace")]
    assert confusion["facet"]["column"]["field"] == "rev"
    text = page.read_text()
    assert "vegaEmbed" in text
    assert not re.search(r'<(script|link|img)[^>]*(src|href)="?(http|//)', text)


def test_what_draws_the_charts_is_made_once(project: Project, run: Run) -> None:
    folder = project.root / ".git/dver"
    (old,) = folder.glob("vega-*.js")
    old.rename(folder / "vega-0.1.js")
    run("plots", "show", cwd=project.root)
    (kept,) = folder.glob("vega-*.js")
    kept.write_text(kept.read_text() + "// it was read")
    run("plots", "show", cwd=project.root)
    assert "// it was read" in (project.root / "dver_plots/index.html").read_text()


def test_plots_leave_no_trace_in_git(project: Project, run: Run) -> None:
    before = project.git("status", "--short")
    run("plots", "show", cwd=project.root)
    assert project.git("status", "--short") == before


def test_the_page_is_written_where_the_user_wants_it(project: Project, run: Run) -> None:
    assert run("plots", "show", "-o", "out/page.html", cwd=project.root).out == "out/page.html\n"
    assert run("plots", "show", "-o", "out/page.html", "curve.csv", cwd=project.root).out == "out/page.html\n"
    assert headings(project.root / "out/page.html") == ["curve.csv"]
    assert run("plots", "show", "-o", "folder", cwd=project.root).out == "folder/index.html\n"


@pytest.mark.parametrize("out", ["mine.html", "mine", "mine/a.csv"])
def test_nothing_of_the_users_is_written_over(project: Project, run: Run, out: str) -> None:
    write(project.root, {"mine/a.csv": b"a,b\n1,2\n", "mine.html": b"<p>mine</p>"})
    result = run("plots", "show", "-o", out, cwd=project.root, rc=4)
    assert result.out == ""
    assert (project.root / "mine/a.csv").read_bytes() == b"a,b\n1,2\n"
    assert (project.root / "mine.html").read_bytes() == b"<p>mine</p>"


def test_a_file_that_no_dver_yaml_names_can_be_drawn(project: Project, run: Run) -> None:
    write(project.root, {"sub/other.csv": b"1,5\n2,6\n"})
    args = ["-x", "0", "-y", "1", "--no-header", "-t", "scatter", "--title", "T", "--x-label", "X"]
    spec = run("plots", "show", "other.csv", *args, "--show-vega", cwd=project.root / "sub").json
    assert [(row["0"], row["1"]) for row in spec["data"]["values"]] == [(1, 5), (2, 6)]
    assert (spec["title"]["text"], spec["mark"]) == ("T", "point")
    assert (spec["encoding"]["x"]["title"], spec["encoding"]["y"]["title"]) == ("X", "1")


def test_a_file_in_a_directory_of_plots_can_be_named(project: Project, run: Run) -> None:
    assert list(run("plots", "show", "figures", "--json", cwd=project.root).json) == ["figures/sub/b.tsv"]
    assert list(run("plots", "show", "figures/sub/b.tsv", "--json", cwd=project.root).json) == ["figures/sub/b.tsv"]
    result = run("plots", "show", "--show-vega", cwd=project.root, rc=2)
    assert "expected one plot, found 3" in result.err


# -- diff, and other revisions


def test_revisions_are_told_apart_in_one_chart(project: Project, run: Run) -> None:
    run("plots", "diff", cwd=project.root)
    page = project.root / "dver_plots/index.html"
    curve, *_ = charts(page)
    assert {(row["rev"], row["acc"]) for row in curve["data"]["values"]} == {
        ("HEAD", 0.5), ("HEAD", 0.55), ("workspace", 0.25), ("workspace", 0.255),
    }  # fmt: skip
    assert page.read_text().count("<figcaption>") == 2


def test_outputs_of_a_revision_come_from_the_store(project: Project, run: Run) -> None:
    shutil.rmtree(project.root / "figures")
    found = run("plots", "show", "--rev", "v1", "--json", cwd=project.root).json
    assert [row["value"] for row in found["figures/sub/b.tsv"]["data"]["values"]] == [0.5]
    shutil.rmtree(project.store)
    result = run("plots", "show", "--rev", "v1", "--json", cwd=project.root)
    assert list(result.json) == ["curve.csv", "classes.json"]
    assert "the content of 'figures' at v1 is not in the store" in result.err
    assert "dver fetch --rev v1 figures" in result.err


def test_a_plot_that_only_one_side_has_is_shown_alone(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": STAGES + b"- new.csv\n", "new.csv": b"a\n1\n"})
    found = run("plots", "diff", "v1", "--json", cwd=project.root).json
    assert {row["rev"] for row in found["new.csv"]["data"]["values"]} == {"workspace"}


def test_all_tags_and_branches_can_be_shown(project: Project, run: Run) -> None:
    found = run("plots", "show", "--all-tags", "--all-branches", "curve.csv", "--show-vega", cwd=project.root).json
    assert {row["rev"] for row in found["data"]["values"]} == {"workspace", "main, v1"}
    found = run("plots", "show", "--all-commits", "curve.csv", "--show-vega", cwd=project.root).json
    commit = project.git("rev-parse", "--short=8", "HEAD").strip()
    assert {row["rev"] for row in found["data"]["values"]} == {"workspace", commit}


# -- templates and pictures


def test_templates_of_the_user_are_found_by_name(project: Project, run: Run) -> None:
    template = b'{"data": {"values": "<DVC_METRIC_DATA>"}, "mark": "bar", "mine": "<DVER_Y>"}'
    write(project.root, {".dver/plots/mine.json": template, ".dver/plots/linear.json": template})
    for name in ("mine", "mine.json", "linear"):
        found = run("plots", "show", "classes.json", "-t", name, "--show-vega", cwd=project.root).json
        assert found["mine"] == "predicted"
    assert "unknown template" in run("plots", "show", "curve.csv", "-t", "../plots/mine", cwd=project.root, rc=9).err


def test_a_template_that_comes_with_dver_is_a_beginning(project: Project, run: Run) -> None:
    assert run("plots", "templates", cwd=project.root).out.splitlines()[:2] == ["linear", "simple"]
    write(project.root, {".dver/plots/mine.json": run("plots", "templates", "simple", cwd=project.root).out.encode()})
    both = [run("plots", "show", "classes.json", "-t", t, "--json", cwd=project.root).json for t in ("mine", "simple")]
    assert both[0] == both[1]
    assert "did you mean 'linear'" in run("plots", "templates", "liner", cwd=project.root, rc=9).err


def test_a_file_of_a_directory_that_is_named_by_itself_is_one_plot(project: Project, run: Run) -> None:
    write(project.root, {"dver.yaml": STAGES + b"- figures/sub/b.tsv: {title: B}\n"})
    found = run("plots", "show", "--json", cwd=project.root).json
    assert sorted(found) == ["classes.json", "curve.csv", "figures/sub/b.tsv"]
    assert found["figures/sub/b.tsv"]["title"]["text"] == "B"


def test_pictures_are_written_one_a_plot(project: Project, run: Run) -> None:
    lines = run("plots", "diff", "--png", "-o", "pictures", cwd=project.root).out.splitlines()
    assert lines == [
        "pictures/curve.csv.png",
        "pictures/figures_a-HEAD.svg",
        "pictures/figures_a-workspace.svg",
        "pictures/figures_sub_b.tsv.png",
        "pictures/classes.json.png",
    ]
    assert (project.root / "pictures/curve.csv.png").read_bytes().startswith(b"\x89PNG")
    assert run("plots", "diff", "--png", "-o", "pictures", cwd=project.root).out.splitlines() == lines
    assert "must be a directory" in run("plots", "show", "--png", "-o", "a.html", cwd=project.root, rc=2).err


def test_without_the_extra_it_is_said_what_to_install(project: Project, run: Run) -> None:
    write(project.root, {"hidden/vl_convert.py": b"raise ImportError('none')"})
    env = {"PYTHONPATH": ":".join([str(project.root / "hidden"), *sys.path])}
    result = run("plots", "show", "curve.csv", cwd=project.root, env=env, rc=3)
    assert "pip install 'dver[plots]'" in result.err
    assert not (project.root / "dver_plots").exists()
    assert run("plots", "show", "curve.csv", "--show-vega", cwd=project.root, env=env).json["data"]
    assert run("plots", "show", "figures/a.svg", cwd=project.root, env=env).out == "dver_plots/index.html\n"


# -- what cannot be read


def test_what_cannot_be_read_is_a_warning_and_the_rest_is_drawn(project: Project, run: Run) -> None:
    write(project.root, {"classes.json": b"{", "curve.csv": b"step,other\n1,2\n"})
    result = run("plots", "diff", "--json", cwd=project.root)
    assert "classes.json:1:2" in result.err
    assert "(in the workspace)" in result.err
    assert "'curve.csv' has no column 'acc'" in result.err
    assert {row["rev"] for row in result.json["curve.csv"]["data"]["values"]} == {"HEAD"}
    assert {row["rev"] for row in result.json["classes.json"]["data"]["values"]} == {"HEAD"}


def test_nothing_at_all_is_an_error(project: Project, run: Run) -> None:
    result: Result = run("plots", "show", "nope.csv", cwd=project.root, rc=2)
    assert "'nope.csv' is not in the workspace" in result.err
    assert not (project.root / "dver_plots").exists()


def test_a_project_without_plots_says_so(tmp_path: Path, run: Run) -> None:
    project = Project.make(tmp_path / "empty")
    assert "there are no plots" in run("plots", "show", cwd=project.root).err


@pytest.mark.parametrize("name", ["''", ".", "/", "a\\0b", "'<b>'", "../x"])
def test_plots_of_any_name_are_drawn_or_refused(project: Project, run: Run, name: str) -> None:
    plots = f'plots: [{name}, {name}: {{y: {{curve.csv: acc}}}}, "{name}": {{x: {{curve.csv: step}}}}]\n'
    write(project.root, {"dver.yaml": plots.encode()})
    shown = run("plots", "show", "-o", "page.html", cwd=project.root, rc=None)
    page = project.root / "page.html"
    if shown.rc == 0:
        assert name.strip("'") in {chart["title"]["text"] for chart in charts(page)}
    else:
        assert shown.rc == 9
        assert shown.err.startswith("error: dver.yaml:1:")
        assert not page.exists()


def test_a_hostile_file_stays_data(project: Project, run: Run) -> None:
    evil = "</script><script>alert(1)</script>"
    write(project.root, {"evil.csv": f"x,{evil}\n1,{evil}\n".encode()})
    run("plots", "show", "evil.csv", "--title", evil, cwd=project.root)
    page = project.root / "dver_plots/index.html"
    assert page.read_text().count("alert(1)") == page.read_text().count("alert(1)\\u003c")
    assert charts(page)[0]["title"]["text"] == evil


def test_a_chart_that_cannot_be_drawn_spares_the_others(project: Project, run: Run) -> None:
    broken = b'{"data": {"values": "<DVER_DATA>"}, "mark": {"nope": 1}}'
    dver_yaml = STAGES.replace(b"title: Learning", b"template: broken")
    write(project.root, {".dver/plots/broken.json": broken, "dver.yaml": dver_yaml})
    result = run("plots", "show", "--png", "curve.csv", "classes.json", cwd=project.root)
    assert result.out == "dver_plots/classes.json.png\n"
    assert "'curve.csv' cannot be drawn" in result.err
    assert run("plots", "show", "--png", "curve.csv", cwd=project.root, rc=9).out == ""


def test_columns_of_any_name_can_be_drawn(project: Project, run: Run) -> None:
    write(project.root, {"odd.csv": b'a.b,c[0],d\'e,,"q"""\n1,2,3,4,5\n', "half.json": b'[{"\\ud800": 1}]'})
    columns = [part for name in ("c[0]", "d'e", "3", 'q"') for part in ("-y", name)]
    odd = run("plots", "show", "odd.csv", "-x", "a.b", *columns, "--png", cwd=project.root)
    half = run("plots", "show", "half.json", "--png", cwd=project.root)
    assert (odd.out, half.out) == ("dver_plots/odd.csv.png\n", "dver_plots/half.json.png\n")
    assert all((project.root / name.strip()).read_bytes().startswith(b"\x89PNG") for name in (odd.out, half.out))


def test_a_directory_of_too_many_files_is_one_problem(project: Project, run: Run) -> None:
    write(project.root, {f"many/{number}.csv": b"a\n1\n" for number in range(1001)})
    result = run("plots", "show", "many", "classes.json", "--json", cwd=project.root)
    assert list(result.json) == ["classes.json"]
    assert result.err.count("many") == 2
    assert "too many files" in result.err


def test_a_project_in_a_folder_of_the_repository_sees_its_own(tmp_path: Path, run: Run) -> None:
    root = make_git_repo(tmp_path / "repo")
    write(root, {"dver.yaml": b"metrics: [outer.json]\n", "outer.json": b'{"a": 1}', "in/params.yaml": b"lr: 1\n"})
    write(root, {"in/dver.yaml": b"metrics: [m.json]\nplots: [a.csv, roc: {y: {a.csv: b}}]\n"})
    write(root, {"in/m.json": b'{"a": 2}', "in/a.csv": b"a,b\n1,2\n"})
    run("init", "-q", cwd=root / "in")
    git("add", "-A", cwd=root)
    git("commit", "-qm", "all", cwd=root)
    for rev in ("HEAD", "workspace"):
        found = run("metrics", "show", "--rev", rev, "--json", cwd=root / "in").json
        assert found == {rev: {"m.json": {"a": 2}}}
        assert list(run("plots", "show", "--rev", rev, "--json", cwd=root / "in").json) == ["a.csv", "roc"]
        assert list(run("plots", "show", "--rev", rev, "roc", "--json", cwd=root / "in").json) == ["roc"]
    assert run("params", "diff", "--all", "--json", cwd=root / "in").json == {
        "params.yaml": {"lr": {"old": 1, "new": 1}}
    }
