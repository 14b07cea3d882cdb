"""DVC's files: `.dvc`, `dvc.lock`, and listings of directories."""

from __future__ import annotations

import pytest

from dver.access.dvc.outputs import DvcHash, DvcOutput, outputs_of, parse_listing
from dver.core.errors import CorruptError

A, B = "a" * 32, "b" * 32


def test_a_dvc_file_names_outputs_beside_it() -> None:
    content = f"outs:\n- md5: {A}.dir\n  size: 7\n  nfiles: 2\n  hash: md5\n  path: images\n  remote: big\n"
    expected = DvcOutput("data/images", DvcHash(A, is_directory=True), 7, remote="big")
    assert outputs_of({"data/images.dvc": content.encode()}) == {"data/images": expected}
    assert expected.hash.key == f"files/md5/{A[:2]}/{A[2:]}.dir"


def test_a_file_of_an_older_dvc_is_in_another_place() -> None:
    content = f"wdir: ..\nouts:\n- md5: {A}\n  path: x\n  isexec: true\n"
    assert outputs_of({"data/x.dvc": content.encode()}) == {
        "x": DvcOutput("x", DvcHash(A, is_legacy=True), executable=True)
    }
    assert DvcHash(A, is_legacy=True).key == f"{A[:2]}/{A[2:]}"


def test_outputs_of_stages_start_at_their_working_directory() -> None:
    lock = f"""
schema: '2.0'
stages:
  make:
    outs:
    - {{path: out, hash: md5, md5: {A}.dir}}
  each@1:
    outs:
    - {{path: y, hash: md5, md5: {B}}}
    - {{path: s3://bucket/z, md5: {B}}}
    - {{path: /absolute, md5: {B}}}
    - {{path: metrics.json}}
"""
    definition = "stages:\n  make: {wdir: sub}\n  each:\n    foreach: [1]\n    do: {wdir: other}\n"
    found = outputs_of({"p/dvc.lock": lock.encode(), "p/dvc.yaml": definition.encode()})
    assert sorted(found) == ["p/other/y", "p/sub/out"]


def test_an_import_names_its_source() -> None:
    content = f"deps:\n- path: x\n  repo:\n    url: https://host/r\nouts:\n- md5: {A}\n  path: x\n"
    assert outputs_of({"x.dvc": content.encode()})["x"].source == "https://host/r"


@pytest.mark.parametrize(
    "content",
    [
        b"\t",
        b"outs:\n- md5: short\n  path: x\n",
        b"outs:\n- md5: " + A.encode() + b"\n  path: ../x\n",
        b"outs:\n- md5: " + A.encode() + b"\n  path: .git/hooks\n",
    ],
)
def test_a_hostile_file_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(CorruptError, match=r"x\.dvc"):
        outputs_of({"x.dvc": content})


@pytest.mark.parametrize("content", [b"", b"[]", b"outs: 3", b"- 1", b"stages: [1]", b"outs: [null, {path: x}]"])
def test_a_file_without_outputs_has_none(content: bytes) -> None:
    assert outputs_of({"x.dvc": content, "dvc.lock": content}) == {}


def test_a_listing_has_hashes_and_modes() -> None:
    content = f'[{{"md5": "{A}", "relpath": "d/x"}}, {{"md5": "{B}", "relpath": "y", "isexec": true}}]'
    found = parse_listing(content.encode(), is_legacy=False)
    assert found.files == {"d/x": (DvcHash(A), False), "y": (DvcHash(B), True)}


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", ".git/config", "", "a/../b"])
def test_a_listing_with_a_dangerous_path_is_refused(path: str) -> None:
    with pytest.raises(CorruptError):
        parse_listing(f'[{{"md5": "{A}", "relpath": "{path}"}}]'.encode(), is_legacy=False)


@pytest.mark.parametrize("content", [b"", b"{}x", b"[1]", b'[{"relpath": "x"}]', b"[" * 100_000])
def test_a_broken_listing_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptError):
        parse_listing(content, is_legacy=False)
