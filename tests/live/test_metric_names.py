"""Names of metrics as paths: nothing leads out of the directory, and no two names meet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dver.core.errors import UsageError
from dver.live.metric_names import file_path, name_parts

PIECES = ["/", ".", "%", "2E", ".tsv", "\0", "\n", "\t", '"', "é", "\udc80", "a"]
ODD = st.lists(st.sampled_from(PIECES), min_size=1).map("".join).filter(lambda text: text.strip("/"))


@given(ODD)
def test_a_name_stays_in_its_directory(name: str) -> None:
    path = file_path(name_parts(name), ".tsv")
    assert os.path.normpath(path) == path
    assert not path.startswith(("/", "../"))
    assert not any(one in path for one in '\0\n\t"')
    os.fsencode(path)  # every file system takes it
    assert max(map(len, os.fsencode(path).split(b"/"))) <= 255


@given(ODD, ODD)
def test_different_names_have_different_files(one: str, other: str) -> None:
    first, second = name_parts(one), name_parts(other)
    paths = file_path(first, ".tsv"), file_path(second, ".tsv")
    assert (paths[0] == paths[1]) == (first == second)
    assert not paths[1].startswith(paths[0] + "/")


def test_plain_names_are_as_they_are() -> None:
    assert file_path(name_parts("train/loss"), ".tsv") == "train/loss.tsv"
    assert file_path(name_parts("top1 acc (50%)"), ".tsv") == "top1 acc (50%).tsv"
    assert name_parts("/train//loss/") == ("train", "loss")


def test_long_names_are_cut_and_stay_different(tmp_path: Path) -> None:
    names = [file_path(("ü" * 500 + end,), ".tsv") for end in "ab"]
    for name in names:
        (tmp_path / name).touch()
    assert len(set(names)) == 2


@pytest.mark.parametrize("name", ["", "/", 7, None])
def test_a_name_that_is_not_one_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        name_parts(name)
