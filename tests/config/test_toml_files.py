from __future__ import annotations

import os
from pathlib import Path

import pytest

from dver.config.toml_files import parse_toml, read_file
from dver.core.errors import RepositoryError

PATH = Path("config.toml")


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    assert read_file(tmp_path / "none") == {}
    (tmp_path / "file").write_text("")
    assert read_file(tmp_path / "file" / "below") == {}


@pytest.mark.parametrize("content", ["", "# comment", "\r\n \t# a = 1\n\n# b", "\n\n"])
def test_a_file_of_comments_is_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    assert read_file(tmp_path / "file") == parse_toml(PATH, content.encode()) == {}


def test_tables_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('# x\n[core]\nremote = "a"\n')
    assert read_file(tmp_path / "file") == {"core": {"remote": "a"}}


@pytest.mark.parametrize(
    ("content", "what", "why"),
    [
        (b"a = 1\nb = \n", "config.toml, line 2, column 5: not valid TOML", "Invalid value"),
        (b"a = 1\na = 2\n", "config.toml, line 2, column 6: not valid TOML", "Cannot overwrite a value"),
        (b"a = 1\nb = '\xff'", "config.toml, line 2: not valid TOML", "it is not UTF-8"),
        (b"a = " + b"9" * 5000, "config.toml: not valid TOML", "it has a number that is too long"),
        (b"a = " + b"[" * 100_000, "config.toml: not valid TOML", "it is nested too deeply"),
    ],
)
def test_invalid_content_is_reported_with_its_position(content: bytes, what: str, why: str) -> None:
    with pytest.raises(RepositoryError) as caught:
        parse_toml(PATH, content)
    assert (caught.value.what, caught.value.why, caught.value.fix) == (what, why, "edit the file")


def test_a_pipe_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RepositoryError) as caught:
        read_file(tmp_path / "pipe")
    assert "pipe" in caught.value.what
