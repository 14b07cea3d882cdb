"""Commands of several lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dver.pipelines.engine.shell_script import shell_arguments

SHELLS = [shell for shell in ("bash", "dash", "sh") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        ("echo a\nfalse\necho b", 1, "a\n"),
        ("echo a\nexit 3\necho b", 3, "a\n"),
        ("false && echo a\necho b", 1, ""),
        ("cd nowhere 2>/dev/null && pwd || exit 4\necho b", 4, ""),
        ("! true\necho b", 1, ""),
        ("true && false\necho b", 1, ""),
        ("for i in 1 2; do\n  echo $i\n  false\ndone\necho b", 1, "1\n"),
        ("false || echo a\necho b", 0, "a\nb\n"),
        ("if false; then\necho a\nelse\necho b\nfi\necho c", 0, "b\nc\n"),
        ("cd sub\npwd | sed 's/.*[/]//'\nX=1\n\n# comment \\\necho $X", 0, "sub\n1\n"),
        ("echo a \\\n  b \\\n  c\necho d\\\\\necho e", 0, "a b c\nd\\\ne\n"),
        ("cat <<END\nfalse && true\nEND\necho b", 0, "false && true\nb\n"),
        ("cat <<END && false\na\nEND\necho b", 1, "a\n"),
        ("echo 'a\nfalse && b'\necho c", 0, "a\nfalse && b\nc\n"),
        ("f() {\n  false && true\n  echo a\n}\nf\necho b", 0, "a\nb\n"),
        ("echo a |\n  cat\nfalse &&\n  true\necho b", 1, "a\n"),
    ],
)
def test_it_stops_at_the_first_line_that_fails(tmp_path: Path, shell: str, command: str, code: int, out: str) -> None:
    (tmp_path / "sub").mkdir()
    done = subprocess.run(shell_arguments(shell, command), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, out), done.stderr


def test_one_line_is_left_to_the_shell() -> None:
    assert shell_arguments("bash", "false; true") == ["bash", "-c", "false; true"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_mistake_is_reported_by_the_shell_with_its_line(tmp_path: Path, shell: str) -> None:
    done = subprocess.run(
        shell_arguments(shell, "echo a\necho b\nno-such-program\necho c"), cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (127, "a\nb\n")
    assert "3:" in done.stderr
    done = subprocess.run(shell_arguments(shell, "if true\necho a"), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "syntax error" in done.stderr.lower()
