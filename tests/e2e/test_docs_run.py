"""The pages of the documentation work as they are written: each is typed into a shell, with hooks on, in order."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from docpages.blocks import Command, Step, Text, Unrun, steps
from docpages.compare import is_shown
from docpages.shell import Shell
from githooks import put_dver_on_path
from servers import S3Server

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "examples/churn/README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "guide",
            "git",
            "pipelines",
            "pipelines-reference",
            "run-cache",
            "remotes",
            "import",
            "experiments",
            "models",
            "monitoring",
            "reports",
            "ci",
            "quality",
            "retraining",
        )
    ),
]


@pytest.mark.long
@pytest.mark.timeout(900)  # docs/experiments.md trains a dozen models
@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_as_it_is_written(
    name: str, tmp_path: Path, env: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    put_dver_on_path(tmp_path / "bin", monkeypatch, s3=True)
    home = tmp_path / "me"
    home.mkdir()
    with Shell(home, _environment(env, s3_server)) as shell:
        for step in steps(ROOT / name):
            _take(step, shell, home, f"{name}:{step.line}")


def _take(step: Step, shell: Shell, home: Path, where: str) -> None:
    match step:
        case Unrun():
            assert step.reason, f"{where}: nothing runs this, and nothing says why"
        case Text():
            path = Path(shell.run("pwd").text.strip()) / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if step.is_appended else "w") as file:
                file.write(step.content)
        case Command():
            _type(step, shell, home, where)


def _type(step: Command, shell: Shell, home: Path, where: str) -> None:
    printed, code = shell.run(step.text)
    printed = printed.replace(str(home), "/home/me")
    shown = f"{where}: {step.text}\nexit code {code}; it printed:\n{printed}"
    assert "\nTraceback" not in f"\n{printed}", shown  # those of stages are indented
    if not step.output:
        assert code == 0, shown
    elif not is_shown(printed, step.output):
        pytest.fail(f"{shown}\nthe page shows:\n" + "\n".join(step.output))


def _environment(home: Path, server: S3Server) -> dict[str, str]:
    """As a user's, with an S3 server of the test's own in the place of Amazon's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DVER_")}
    return {
        **kept,
        **server.credentials(),
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "EXAMPLES": str(ROOT / "examples"),
        "GIT_EDITOR": "true",
        "HOME": str(home),
        "PS1": "$ ",
    }
