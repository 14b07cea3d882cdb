"""`dver model card`: what is known about a version, and nothing that must stay private."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from support import Run, git, make_git_repo, run_dver
from workspaces import write

import dver
from dver.core.errors import ConflictError
from dver.formats.registry_tag import TagDetails, encode_message

MARK = "<!-- made by dver model card -->"
SECONDS = itertools.count(1_700_000_000)
TOKEN = "ghp_" + "a1B2" * 9
PIPELINE: str = f"""
stages:
  train:
    cmd: python train.py --log /mnt/share/logs/train.log --token {TOKEN}
    deps: [train.py, data]
    params: [lr, db.password]
    env: [DB_URL]
    outs: [model.json]
  evaluate:
    cmd: python evaluate.py
    deps: [evaluate.py, model.json]
    outs: [predictions.json]
  score:
    cmd: python score.py
    deps: [score.py, predictions.json]
    metrics:
    - metrics.json: {{cache: false, minimize: cost}}
  unrelated:
    cmd: cp metrics_of_others.txt others.json
    deps: [metrics_of_others.txt]
    metrics: [others.json]
artifacts:
  churn:
    path: model.json
    type: model
    desc: |
      Predicts <b>churn</b> for @everybody.

      - Trained in https://ada:hunter2@example.org/x_y
    labels: [tabular, "a|b"]
    meta: {{framework: none, limits: {{age: 18}}, use: "{"For one thing only. " * 12}"}}
  table: {{path: data, type: dataset}}
  notes: {{path: train.py}}
"""


ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "DB_URL": "db.internal.example/churn"}
Tag = Callable[..., None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a model, which were in stage prod one after the other."""
    root = make_git_repo(tmp_path_factory.mktemp("card") / "churn")
    copy = "import pathlib as p; p.Path({1!r}).write_text(p.Path({0!r}).read_text())"
    train = "import json\ntry: import numpy\nexcept ImportError: pass\n"
    train += "json.dump(open('params.yaml').read().split()[1], open('model.json', 'w'))"
    score = "import json; x = float(json.load(open('predictions.json'))); "
    score += "json.dump({'accuracy': 1 - x, 'cost': x, 'rows': 10}, open('metrics.json', 'w'))"
    files = {
        "train.py": train,
        "evaluate.py": copy.format("model.json", "predictions.json"),
        "score.py": score,
        "metrics_of_others.txt": '{"other": 1}',
        "dver.yaml": PIPELINE,
        "data/a.csv": "a\n",
    }
    write(root, {name: text.encode() for name, text in files.items()})
    run_dver("init", "--no-hooks", cwd=root)
    _train(root, 0.25)
    _tag(root, "churn@v1.0.0", "The first one")
    _tag(root, "churn#prod#1")
    (root / "data/b.csv").write_bytes(b"b\n")
    _train(root, 0.125)
    _tag(root, "churn@v1.1.0", f"A better one, by {root}/train.py")
    _tag(root, "churn#prod#2")
    _tag(root, "churn#canary/eu#3")
    return root


def _train(root: Path, rate: float) -> None:
    (root / "params.yaml").write_text(f"lr: {rate}\ndb: {{password: geheim}}\n")
    run_dver("add", "data", cwd=root)
    run_dver("repro", "-q", cwd=root, env=ENVIRONMENT)
    git("add", "-A", cwd=root)
    git("commit", "-qm", f"Train with {rate}", cwd=root)


def _tag(root: Path, name: str, message: str = "Registered") -> None:
    date = f"GIT_COMMITTER_DATE={next(SECONDS)} +0000"
    subprocess.run(["env", date, "git", "tag", "-a", "-m", message, name], cwd=root, check=True)


@pytest.fixture
def project(template: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template, as the current directory."""
    root = tmp_path / "churn"
    shutil.copytree(template, root, symlinks=True)
    monkeypatch.chdir(root)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return root


@pytest.fixture
def tag(project: Path) -> Tag:
    """Makes an annotated tag of HEAD, a second after the one before."""
    return partial(_tag, project)


@pytest.mark.usefixtures("project")
def test_a_card_compares_with_the_version_that_was_in_the_stage_before(run: Run) -> None:
    card = run("model", "card", "churn#prod").out
    assert card.startswith("# `churn` `v1.1.0`\n")
    for line in (
        r"Predicts \<b\>churn\</b\> for \@everybody.",
        r"\- Trained in https&#58;//example.org/x\_y",
        "| In stage | `canary/eu`, `prod` |",
        "| Message | `A better one, by …/train.py` |",
        "| Labels | `tabular`, <code>a&#124;b</code> |",
        "| `limits.age` | 18 |",
        f"| `use` | `{'For one thing only. ' * 11}For one thing only.` |",
        "From `metrics.json`:",
        "| Metric | `v1.0.0` | `v1.1.0` | Change | Verdict |",
        "| `accuracy` | 0.75 | 0.875 | +0.125 ↑ | 🟢 better (higher is better) |",
        "| `cost` | 0.25 | 0.125 | -0.125 ↓ | 🟢 better (lower is better) |",
        "| `rows` | 10 | 10 |  |  |",
        "| `lr` | 0.125 | 0.25 |",
        "| `db.password` | `***` |  |",
        "dver model get churn@v1.1.0",
    ):
        assert line in card.splitlines(), line
    assert "| changed |" in next(line for line in card.splitlines() if line.startswith("| `data` "))
    assert "| unchanged |" in next(line for line in card.splitlines() if line.startswith("| `train.py` "))
    assert "`python train.py --log …/train.log --token ***`, with the environment variables `DB_URL`" in card
    assert re.search(r"^- Imported packages \(of \d+\): `numpy==[\d.]+`$", card, re.MULTILINE)
    assert "others.json" not in card


def test_nothing_private_is_in_a_card(run: Run, project: Path) -> None:
    for form in ("--md", "--html", "--json"):
        card = run("model", "card", "churn", form).out
        assert "churn" in card
        for private in (TOKEN, "hunter2", "geheim", "db.internal", "/mnt/share", str(project), str(Path.home())):
            assert private not in card, (form, private)


@pytest.mark.usefixtures("project")
def test_the_first_version_is_compared_with_none(run: Run) -> None:
    card = run("model", "card", "churn@1.0.0").out
    assert "| `accuracy` | 0.75 | higher is better |" in card.splitlines()
    assert "Since" not in card
    assert run("model", "card", "churn@v1.0.0", "--json").json["compared_with"] is None


def test_the_page_stands_alone_and_escapes_what_it_shows(run: Run, project: Path) -> None:
    assert run("model", "card", "churn", "-o", "pages/card.html").out == ""
    page = (project / "pages/card.html").read_text()
    assert "default-src &#x27;none&#x27;" in page
    assert "&lt;b&gt;churn&lt;/b&gt;" in page
    for active in ("<script", "<b>", "<a ", "src=", "@import"):
        assert active not in page, active
    assert '<span class="better">better</span>' in page
    assert page == run("model", "card", "churn", "--html").out


def test_a_card_replaces_a_card_and_no_other_file(run: Run, project: Path) -> None:
    (project / "MODEL.md").write_text("mine")
    refused = run("model", "card", "churn", "-o", "MODEL.md", rc=4)
    assert "already exists" in refused.err
    assert (project / "MODEL.md").read_text() == "mine"
    (project / "MODEL.md").unlink()
    for _ in range(2):
        run("model", "card", "churn", "-o", "MODEL.md")
    assert (project / "MODEL.md").read_text() == f"{MARK}\n{run('model', 'card', 'churn').out}"
    run("model", "card", "churn", "-o", "CARD.HTM")
    assert (project / "CARD.HTM").read_text().startswith("<!DOCTYPE html>")


def test_python_has_the_same_card(project: Path, run: Run) -> None:
    model = dver.Project.find().model
    card = model.card("churn#prod")
    assert card.compared_with == "v1.0.0"
    assert [one.key for one in card.metrics if one.differs] == ["accuracy", "cost"]
    model.write_card(card, "card.md")
    assert (project / "card.md").read_text() == f"{MARK}\n{model.render_card(card)}"
    assert model.render_card(card) == run("model", "card", "churn#prod").out
    model.write_card(card, "page", "html")
    with pytest.raises(ConflictError):
        model.write_card(card, "page")


def test_paths_do_not_depend_on_the_current_directory(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    card = run("model", "card", "churn").out
    monkeypatch.chdir(project / "data")
    assert run("model", "card", "churn").out == card


def test_cards_of_data_and_of_files_in_git(tag: Tag, run: Run) -> None:
    tag("table@v1.0.0")
    tag("notes@v0.1.0")
    table = run("model", "card", "table", "--json").json
    assert (table["type"], table["path"], table["size"], table["steps"]) == ("dataset", "data", 4, [])
    assert [one["key"] for one in table["metrics"]] == ["accuracy", "cost", "rows"]
    notes = run("model", "card", "notes").out
    assert "| Path | `train.py` |" in notes
    assert "Content" not in notes.partition("##")[0]


def test_metrics_that_cannot_be_read_come_from_the_tag(tag: Tag, run: Run, project: Path) -> None:
    (project / "metrics.json").write_text("{")
    git("commit", "-qam", "Break the metrics", cwd=project)
    details = TagDetails(path="model.json", metrics={"metrics.json:accuracy": 0.75}, checks={"rows": "passed"})
    tag("churn@v2.0.0", encode_message("Two", details))
    found = run("model", "card", "churn")
    row = "| `accuracy` | 0.875 | 0.75 | -0.125 ↓ | 🔴 worse (higher is better) |"
    assert row in found.out.splitlines()
    assert "| `rows` | `passed` |" in found.out.splitlines()
    assert "## Not read\n\n- `metrics.json:1:2" in found.out
    assert "metrics.json:1:2" in found.err


def test_a_card_of_tags_of_gto_and_of_a_commit_without_a_version(tag: Tag, run: Run, project: Path) -> None:
    git("commit", "-qm", "Without a version", "--allow-empty", cwd=project)
    tag("churn#dev#4")
    tag("gone@v1.0.0")
    head = git("rev-parse", "HEAD", cwd=project).strip()
    card = run("model", "card", "churn#dev").out
    assert card.splitlines()[0] == f"# `churn` `{head[:10]}`"
    assert "Get it" not in card
    gone = run("model", "card", "gone", "--json").json
    assert (gone["path"], gone["metrics"], gone["desc"]) == (None, [], None)


def test_the_path_that_was_registered_comes_before_that_of_the_definition(tag: Tag, run: Run) -> None:
    tag("churn@v3.0.0", encode_message("Another file", TagDetails(path="train.py")))
    assert run("model", "card", "churn", "--json").json["path"] == "train.py"


def test_a_clone_without_the_record_of_the_run_says_how_to_get_it(project: Path, run: Run, tmp_path: Path) -> None:
    run("remote", "add", "store", "../store", cwd=project)
    git("commit", "-qam", "Add a remote", cwd=project)
    run("push", cwd=project)
    git("clone", "-q", project, tmp_path / "clone", cwd=tmp_path)
    found = run("model", "card", "churn", cwd=tmp_path / "clone")
    assert "## Environment" not in found.out
    fix = found.err.strip().rpartition("get it: dver ")[2]
    run(*fix.split(), cwd=tmp_path / "clone")
    assert "## Environment" in run("model", "card", "churn", cwd=tmp_path / "clone").out


def test_a_deprecated_model_says_so(tag: Tag, run: Run) -> None:
    tag("churn@deprecated")
    assert "🔴 Deprecated: do not use this model in new work." in run("model", "card", "churn").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "'nothing' is not in the registry"),
        (["churn@v9.0.0"], "'churn' has no version v9.0.0"),
        (["churn#nowhere"], "no version of 'churn' is in stage 'nowhere'"),
        (["churn@x"], "invalid version 'x'"),
        (["churn", "--md", "--html"], "exclude each other"),
        (["churn", "--json", "-o", "x"], "exclude each other"),
    ],
)
def test_mistakes_are_explained(arguments: list[str], message: str, tag: Tag, run: Run) -> None:
    found = run("model", "card", *arguments, rc=2)
    assert message in found.err
