"""Pulls of imports that are never pushed: they come from their source."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from gitserver import allow_filters
from workspaces import Project, listing, write

from dver.core.cache_dir import user_cache_dir
from dver.core.errors import MissingObjectError
from dver.formats.pointer import decode, encode
from dver.ops.git.follow import follow
from dver.ops.setup.config import set_setting, trust_project
from dver.ops.share.fetch import fetch
from dver.ops.share.import_data import ImportOptions, import_data
from dver.ops.share.pull import PullResult, pull
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.remote.transfer.fetch import DownloadResult
from dver.sharing.transfer_options import TransferOptions

BIG = os.urandom(2 << 20)


@pytest.fixture
def source(tmp_path: Path) -> Project:
    """A project with tracked data on a remote, and files of Git."""
    source = Project.make(tmp_path / "source")
    write(source.root, {"data/big": BIG, "data/sub/a": b"1", "code/run.py": b"print()\n"})
    source.add("data")
    with source.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "source-remote"), default=True)
        push(repo, cwd=source.root)
    source.git("add", "-A")
    source.commit("Data")
    allow_filters(source.root)
    return source


@pytest.fixture
def colleague(source: Project, tmp_path: Path) -> Project:
    """The clone of a project that has imported `data` and `code` without pushing them, and has data of its own."""
    project = Project.make(tmp_path / "project")
    write(project.root, {"own": b"own"})
    project.add("own")
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        for path in ("data", "code"):
            import_data(repo, source.root.as_uri(), path, cwd=project.root, options=ImportOptions(push=False))
        push(repo, cwd=project.root)
    project.git("add", "-A")
    project.commit("Import")
    return project.clone(tmp_path / "colleague", share=False)


def pulled(project: Project, *paths: str, dry_run: bool = False) -> PullResult:
    with project.opened() as repo:
        return pull(repo, paths, cwd=project.root, options=TransferOptions(dry_run=dry_run))


def errors(result: PullResult) -> list[MissingObjectError]:
    found = [error for one in result.remotes if (error := one.error()) is not None]
    assert all(isinstance(error, MissingObjectError) for error in found)
    return [error for error in found if isinstance(error, MissingObjectError)]


def test_data_that_is_never_pushed_comes_from_its_source(source: Project, colleague: Project, tmp_path: Path) -> None:
    assert not any(BIG[:1000] in path.read_bytes() for path in (tmp_path / "remote").rglob("*.pack"))
    result = pulled(colleague)
    assert [(one.remote, one.files) for one in result.remotes] == [("origin", 1), ("source", 1), ("source", 2)]
    assert colleague.ls("data") == source.ls("data")
    assert colleague.ls("code") == source.ls("code")
    assert pulled(colleague).remotes == ()


def test_without_a_remote_of_its_own_a_project_pulls_from_the_source(source: Project, colleague: Project) -> None:
    colleague.git("rm", "-q", "--cached", ".dver/config.toml")
    (colleague.root / ".dver/config.toml").write_text("")
    assert pulled(colleague, "data").restored is not None
    assert colleague.ls("data") == source.ls("data")


def test_a_part_is_downloaded_alone(colleague: Project) -> None:
    (result,) = pulled(colleague, "data/sub").remotes
    assert result.size < len(BIG) // 2
    assert listing(colleague.root / "data") == {b"sub": ("directory", b""), b"sub/a": ("file", b"1")}
    assert pulled(colleague, "data/sub").remotes == ()


def test_the_commit_of_the_pointer_counts_not_the_branch(source: Project, colleague: Project) -> None:
    before = source.ls("data")
    write(source.root, {"data/new": b"2"})
    source.save("data")
    pulled(colleague)
    assert colleague.ls("data") == before


def test_a_dry_run_contacts_nothing(source: Project, colleague: Project, tmp_path: Path) -> None:
    os.rename(source.root, tmp_path / "moved")
    found = pulled(colleague, "data", dry_run=True)
    assert [(one.remote, one.files, one.size) for one in found.remotes] == [("source", 2, len(BIG) + 1)]


@pytest.mark.parametrize("gone", ["source", "source-remote"])
def test_without_the_source_everything_else_is_checked_out(colleague: Project, tmp_path: Path, gone: str) -> None:
    shutil.rmtree(tmp_path / gone)
    shutil.rmtree(user_cache_dir())  # the mirror of the source's commit would do
    result = pulled(colleague)
    assert (colleague.root / "own").read_bytes() == b"own"
    said = errors(result)
    assert f"cannot download 'data' from its source file://{tmp_path}/source: " in str([one.what for one in said])
    assert all((one.why or "").startswith("it was imported with --no-push") and one.fix for one in said)


def test_a_fetch_does_the_same(colleague: Project) -> None:
    with colleague.opened() as repo:
        got = fetch(repo, ["data"], cwd=colleague.root).remotes
    assert [one.remote for one in got] == ["source"]
    colleague.checkout("data")
    assert (colleague.root / "data/big").read_bytes() == BIG


def test_an_edited_version_is_not_at_the_source(colleague: Project, tmp_path: Path) -> None:
    pulled(colleague)
    write(colleague.root, {"data/sub/a": b"edited"})
    colleague.save("data")
    other = colleague.clone(tmp_path / "other", share=False)
    (error,) = errors(pulled(other, "data"))
    assert "does not have the version" in error.what
    assert "dver push data" in (error.fix or "")


def test_a_secret_that_somebody_wrote_into_a_pointer_is_not_printed(colleague: Project) -> None:
    pointer = colleague.root / "data.dver"
    text = re.sub("repo: .*", 'repo: "https://me:secret@127.0.0.1:1/x.git"', pointer.read_text())
    pointer.write_text(text)
    (result,) = pulled(colleague, "data").remotes
    said = f"{result.url} {errors(PullResult((result,), None))[0].what} {result.failed} {result.error()}"
    assert "127.0.0.1:1/x.git" in said
    assert "secret" not in said


def test_a_hook_contacts_no_source(colleague: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "source")
    shutil.rmtree(user_cache_dir())
    with colleague.opened() as repo:
        set_setting(colleague.root, "hooks.fetch", "true", scope="local")
        trust_project(colleague.root)
        followed = follow(repo.git)
    assert followed is not None
    assert followed.not_fetched == ()
    assert (colleague.root / "own").read_bytes() == b"own"
    assert {lost.path for lost in followed.restored.lost} == {b"data", b"code"}


def test_a_mirror_of_the_commit_is_enough(source: Project, colleague: Project) -> None:
    expected = source.ls("data")
    shutil.rmtree(source.root)
    pulled(colleague, "data")
    assert colleague.ls("data") == expected


def test_data_with_push_and_the_remote_of_others_are_no_matter_of_sources(colleague: Project) -> None:
    pointer = decode((colleague.root / "data.dver").read_bytes())
    assert pointer.only_at_source
    assert not decode(encode(pointer).replace(b"push: false\n", b"")).only_at_source
    assert not decode((colleague.root / "own.dver").read_bytes()).only_at_source
    assert DownloadResult(failed=MissingObjectError("x")).error() is not None
