"""The filesystem `dver://`: names, contents, instances, processes and errors."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from support import git
from workspaces import Project, write

from dver.fs.errors import DataReadError, RemoteConnectionError, os_error
from dver.fs.file import DverFile
from dver.fs.filesystem import DverFileSystem
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote
from dver.remote.failures import RefusedError, TransientError

BIG = os.urandom(3 << 20) + b"the end"
LINES = b"".join(b"line %d\n" % number for number in range(50_000))
DATA = {"data/a.csv": b"a,b\n1,2\n", "data/deep/b.bin": BIG, "data/deep/lines.txt": LINES, "code.py": b"print()\n"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with DATA at the tag v1; its data is on the remote only, its worktree has another a.csv."""
    project = Project.make(tmp_path / "project")
    monkeypatch.chdir(project.root)
    write(project.root, DATA)
    (project.root / "data/link").symlink_to("deep/b.bin")
    project.add("data")
    git("add", "-A", cwd=project.root)
    git("commit", "-qm", "Data", cwd=project.root)
    git("tag", "v1", cwd=project.root)
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(tmp_path / "remote"), default=True)
        push(repo, cwd=project.root)
        write(project.root, {"data/a.csv": b"a,b\n3,4\n"})
        project.save("data", message="Other data")
        push(repo, cwd=project.root)
    shutil.rmtree(project.root / ".git/dver/store")
    return project


@pytest.fixture
def fs(project: Project) -> DverFileSystem:
    """The files at v1."""
    return fsspec.filesystem("dver", rev="v1")


def test_the_protocol_is_registered_by_the_entry_point() -> None:
    import subprocess
    import sys

    code = "import fsspec; print(fsspec.get_filesystem_class('dver').__module__)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "dver.fs.filesystem\n"


def test_lists_names_sizes_and_kinds(fs: DverFileSystem) -> None:
    assert fs.ls("", detail=False) == [".dver", ".gitignore", "README", "code.py", "data", "data.dver"]
    found = {one["name"]: (one["type"], one["size"]) for one in fs.ls("dver://data")}
    assert found == {
        "data/a.csv": ("file", 8),
        "data/deep": ("directory", len(BIG) + len(LINES)),
        "data/link": ("link", 10),
    }
    assert fs.ls("data/a.csv", detail=False) == ["data/a.csv"]
    assert fs.info("data/link")["size"] == len(BIG)
    assert fs.info("code.py")["size"] == len(DATA["code.py"])


def test_finds_walks_and_globs(fs: DverFileSystem) -> None:
    assert fs.find("data") == ["data/a.csv", "data/deep/b.bin", "data/deep/lines.txt", "data/link"]
    assert [(path, directories, files) for path, directories, files in fs.walk("data")] == [
        ("data", ["deep"], ["a.csv", "link"]),
        ("data/deep", [], ["b.bin", "lines.txt"]),
    ]
    assert fs.glob("dver://data/**/*.txt") == ["data/deep/lines.txt"]
    assert fs.glob("none/*") == []
    assert fs.du("data/deep") == len(BIG) + len(LINES)


def test_knows_what_exists(fs: DverFileSystem) -> None:
    assert fs.exists("data/deep")
    assert fs.isdir("data/deep")
    assert not fs.isfile("data/deep")
    assert fs.isfile("data/link")
    assert not fs.exists("data/none")
    assert not fs.isdir("data/a.csv/none")


def test_reads_whole_files_and_parts(fs: DverFileSystem) -> None:
    assert fs.cat("data/a.csv") == DATA["data/a.csv"]
    assert fs.cat("data/deep/*") == {"data/deep/b.bin": BIG, "data/deep/lines.txt": LINES}
    for start, end in [(10, 20), (None, 5), (-7, None), (-7, -4), (5, 2), (len(BIG) - 3, len(BIG) + 9), (0, None)]:
        assert fs.cat_file("data/deep/b.bin", start, end) == BIG[start:end], (start, end)
    assert fs.head("data/deep/b.bin", 4) == BIG[:4]
    assert fs.tail("data/deep/b.bin", 4) == BIG[-4:]
    assert fs.read_text("code.py") == "print()\n"
    assert fs.read_block("data/deep/lines.txt", 5, 10, delimiter=b"\n") == b"line 1\nline 2\n"


def test_reads_many_ranges(fs: DverFileSystem) -> None:
    paths = ["data/deep/b.bin", "data/a.csv", "data/none"]
    first, second, third = fs.cat_ranges(paths, [1, 0, 0], [4, 2, 1])
    assert (first, second) == (BIG[1:4], b"a,")
    assert isinstance(third, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(paths, 0, 1, on_error="raise")


def test_an_open_file_is_seekable_and_read_by_lines(fs: DverFileSystem) -> None:
    with fs.open("data/deep/lines.txt") as file:
        assert isinstance(file, DverFile)
        assert file.size == len(LINES)
        assert file.readline() == b"line 0\n"
        assert file.seek(-6, os.SEEK_END) == len(LINES) - 6
        assert file.read() == LINES[-6:]
        file.seek(0)
        assert b"".join(file) == LINES
    with fs.open("data/deep/lines.txt", "r") as text:
        assert text.readline() == "line 0\n"
    with fsspec.open("dver://data/a.csv", rev="v1") as opened:
        assert opened.read() == DATA["data/a.csv"]


def test_downloads_files_verified(fs: DverFileSystem, tmp_path: Path) -> None:
    fs.get_file("data/deep/b.bin", str(tmp_path / "new/b.bin"))
    assert (tmp_path / "new/b.bin").read_bytes() == BIG
    with (tmp_path / "other").open("wb") as file:
        fs.get_file("data/a.csv", file)
    assert (tmp_path / "other").read_bytes() == DATA["data/a.csv"]


def test_a_failed_download_leaves_no_file(fs: DverFileSystem, project: Project, tmp_path: Path) -> None:
    fs.ls("data/deep")
    for pack in (tmp_path / "remote/packs").rglob("*.pack"):
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 1
        pack.chmod(0o644)
        pack.write_bytes(content)
    with pytest.raises(DataReadError, match="fix: `dver fsck --remote --repair`"):
        fs.get_file("data/deep/b.bin", str(tmp_path / "out/b.bin"))
    assert os.listdir(tmp_path / "out") == []


def test_content_has_a_key(fs: DverFileSystem, project: Project) -> None:
    now = fsspec.filesystem("dver")
    assert fs.ukey("data/deep/b.bin") == now.ukey("data/deep/b.bin")
    assert fs.ukey("data/a.csv") != now.ukey("data/a.csv")
    assert fs.checksum("data/a.csv") != now.checksum("data/a.csv")
    before = now.ukey("code.py")
    (project.root / "code.py").write_text("exit()\n")
    assert now.ukey("code.py") != before
    assert now.ukey("") is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda fs: fs.open("data/new", "wb"),
        lambda fs: fs.open("data/a.csv", "ab"),
        lambda fs: fs.pipe("data/new", b"x"),
        lambda fs: fs.rm("data/a.csv"),
        lambda fs: fs.mv("data/a.csv", "data/b.csv"),
        lambda fs: fs.cp("data/a.csv", "data/b.csv"),
        lambda fs: fs.mkdir("new"),
        lambda fs: fs.makedirs("new/deep"),
        lambda fs: fs.touch("new"),
        lambda fs: fs.put(__file__, "new"),
        lambda fs: fs.rmdir("data"),
    ],
)
def test_changes_are_refused(fs: DverFileSystem, change: Any) -> None:
    with pytest.raises(OSError, match=r"read-only.*\n.*\nfix: .*dver add"):
        change(fs)


# -- instances


def test_a_new_commit_of_a_branch_is_another_filesystem(project: Project) -> None:
    before = fsspec.filesystem("dver", rev="main")
    assert fsspec.filesystem("dver", rev="main") is before
    write(project.root, {"data/a.csv": b"newer"})
    project.save("data")
    after = fsspec.filesystem("dver", rev="main")
    assert after != before
    assert (before.cat("data/a.csv"), after.cat("data/a.csv")) == (b"a,b\n3,4\n", b"newer")


def test_without_a_revision_new_pointers_are_seen_when_the_filesystem_is_asked_for(project: Project) -> None:
    assert fsspec.filesystem("dver").cat("data/a.csv") == b"a,b\n3,4\n"
    write(project.root, {"data/a.csv": b"newer", "data/more.csv": b"more"})
    project.save("data")
    assert fsspec.filesystem("dver").cat("data/a.csv") == b"newer"
    assert fsspec.filesystem("dver").exists("data/more.csv")


def test_another_directory_is_another_filesystem(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    top = fsspec.filesystem("dver")
    monkeypatch.chdir(project.root / "data")
    inside = fsspec.filesystem("dver")
    assert inside.ls("", detail=False) == ["a.csv", "deep", "link"]
    assert top.ls("data", detail=False) == ["data/a.csv", "data/deep", "data/link"]


def test_a_url_may_name_the_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    url = f"dver://{project.root}@v1/data/a.csv"
    with fsspec.open(url) as file:
        assert file.read() == DATA["data/a.csv"]
    fs, path = fsspec.url_to_fs(url)
    assert path == "data/a.csv"
    assert fs.cat(url) == DATA["data/a.csv"]
    assert fsspec.filesystem("dver", repo=project.root, rev="v1") == fs


def test_the_url_of_another_repository_is_refused(fs: DverFileSystem, project: Project) -> None:
    with pytest.raises(OSError, match=r"not in this filesystem\nwhy: .*\nfix: fsspec.filesystem\('dver', repo="):
        fs.cat_file(f"dver://{project.root}@main/data/a.csv")


def test_a_clone_is_read_by_url(project: Project, tmp_path: Path) -> None:
    with fsspec.open("dver://data/a.csv", repo=f"file://{project.root}", rev="main") as file:
        assert file.read() == b"a,b\n3,4\n"


# -- processes and threads


def test_pickled_it_reads_the_same_commit(fs: DverFileSystem, project: Project) -> None:
    copy = pickle.loads(pickle.dumps(fs))
    assert copy == fs
    assert copy.cat("data/a.csv") == DATA["data/a.csv"]
    with fs.open("data/deep/b.bin") as file:
        file.seek(100)
        with pickle.loads(pickle.dumps(file)) as again:
            assert again.read(50) == BIG[100:150]


def _read(fs: DverFileSystem) -> bytes:
    content: bytes = fs.cat("data/a.csv")
    return content


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_with_it(fs: DverFileSystem, method: str) -> None:
    assert fs.cat("data/a.csv") == DATA["data/a.csv"]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_read, [fs] * 4) == [DATA["data/a.csv"]] * 4


def test_threads_read_with_it(fs: DverFileSystem) -> None:
    def part(number: int) -> bytes:
        start = number * 100_000
        with fs.open("data/deep/b.bin") as file:
            file.seek(start)
            content: bytes = file.read(100_000)
        assert fs.cat_file("data/deep/b.bin", start, start + 100_000) == content
        return content

    with ThreadPoolExecutor(8) as pool:
        assert b"".join(pool.map(part, range(40))) == BIG


# -- errors


def test_wrong_paths_are_errors_of_the_system(fs: DverFileSystem) -> None:
    with pytest.raises(FileNotFoundError, match=r"'data/none' does not exist at .*\nwhy: .*\nfix: "):
        fs.open("data/none")
    with pytest.raises(IsADirectoryError, match=r"'data' is a directory\nwhy: .*\nfix: "):
        fs.cat_file("data")
    with pytest.raises(FileNotFoundError, match="is outside of the repository"):
        fs.info("../elsewhere")


def test_a_repository_that_cannot_be_opened_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(DataReadError, match=r"no directory '/none'\nwhy: .*\nfix: "):
        fsspec.filesystem("dver", repo="/none")
    with pytest.raises(DataReadError, match="fix: "):
        fsspec.filesystem("dver", repo=tmp_path, rev="v1")


def test_a_directory_without_a_project_is_an_oserror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataReadError, match=r"\nfix: .*git init"):
        fsspec.filesystem("dver")


def test_mistakes_in_options_are_refused(project: Project) -> None:
    with pytest.raises(TypeError, match="unknown option 'revision'"):
        fsspec.filesystem("dver", revision="v1")
    with pytest.raises(DataReadError, match="unknown kind of verification 'ful'\nfix: "):
        fsspec.filesystem("dver", verify="ful")
    with pytest.raises(DataReadError, match="unknown revision 'v9'"):
        fsspec.filesystem("dver", rev="v9")


def test_the_home_directory_is_found(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(project.root.parent))
    with fsspec.open("dver://~/project@v1/data/a.csv") as file:
        assert file.read() == DATA["data/a.csv"]


def test_missing_data_is_not_a_missing_file(fs: DverFileSystem, tmp_path: Path) -> None:
    """Libraries such as zarr take FileNotFoundError for an empty chunk."""
    shutil.rmtree(tmp_path / "remote")
    with pytest.raises(DataReadError) as caught:
        fs.cat_file("data/a.csv")
    assert not isinstance(caught.value, FileNotFoundError)
    with pytest.raises(DataReadError):
        fs.exists("data/a.csv")
    with pytest.raises(DataReadError):
        fs.find("data")


def test_refused_and_broken_requests_have_errors_of_their_own() -> None:
    assert isinstance(os_error(RefusedError("no", why="w", fix="f", code="403")), PermissionError)
    assert isinstance(os_error(RefusedError("no", code="404")), DataReadError)
    assert isinstance(os_error(TransientError("no")), RemoteConnectionError)
    assert isinstance(os_error(TransientError("no")), ConnectionError)
    assert str(os_error(RefusedError("no", why="w", fix="f", code="403"))) == "[Errno 13] no\nwhy: w\nfix: f"
