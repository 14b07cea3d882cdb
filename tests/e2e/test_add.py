"""`dver add`: what it refuses, what it leaves when it fails, and what it does again."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import Run, git, make_git_repo
from workspaces import Project, count_calls, write

import dver.core.files
import dver.git.index
import dver.tracking.pointer_files
from dver.core.errors import ConflictError, DverError, RepositoryError, UsageError
from dver.core.files import explain
from dver.core.oid import Oid
from dver.formats import pointer as pointer_format
from dver.store.objects.database import Database
from dver.store.store import Store
from dver.workspace.scan.ignore import FILE_NAMES


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "repo")


def git_view(project: Project) -> tuple[str, dict[str, bytes]]:
    """Git's status, and all pointers and ignore files."""
    kept = {
        str(p): p.read_bytes()
        for p in [*project.root.rglob("*.dver"), *project.root.rglob(".gitignore")]
        if p.is_file()
    }
    return project.git("status", "--porcelain", "--untracked-files=all"), kept


def refused(project: Project, kind: type[DverError], *paths: str, match: str = "") -> DverError:
    before = git_view(project)
    with pytest.raises(kind) as caught:
        project.add(*paths)
    assert git_view(project) == before, "a failed add leaves no trace"
    assert caught.value.fix, "it says what to do"
    assert match in f"{caught.value.what} {caught.value.why}"
    return caught.value


# -- refused


def test_what_does_not_exist_is_refused(project: Project) -> None:
    refused(project, UsageError, "nothing", match="does not exist")


def test_paths_outside_of_the_repository_are_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    for path in ("../outside", str(tmp_path / "outside"), "/etc/hostname", ".."):
        refused(project, UsageError, path, match="outside")


def test_a_path_that_leads_out_through_a_link_is_refused(project: Project, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"file": b"x"})
    (project.root / "way-out").symlink_to(tmp_path / "outside")
    refused(project, UsageError, "way-out/file")
    refused(project, UsageError, "way-out", match="symbolic link")


@pytest.mark.parametrize("name", [".", ".git", ".git/config", ".dver", ".dver/config.toml", ".gitignore", "dver.yaml"])
def test_what_belongs_to_git_or_dver_is_refused(name: str, project: Project) -> None:
    (project.root / "dver.yaml").write_text("stages: {}\n")
    refused(project, UsageError, name)


def test_a_pointer_is_not_data(project: Project) -> None:
    write(project.root, {"data/file": b"x"})
    project.save("data")
    error = refused(project, UsageError, "data.dver", match="pointer")
    assert error.fix == "dver add data"


def test_what_git_tracks_is_refused(project: Project) -> None:
    write(project.root, {"data/one": b"1", "data/two": b"2"})
    git("add", "data/one", cwd=project.root)
    refused(project, ConflictError, "data", match="data/one")
    refused(project, ConflictError, "README", match="tracked by Git")


def test_what_contains_tracked_data_is_refused(project: Project) -> None:
    write(project.root, {"data/inner/file": b"1", "data/other": b"2"})
    project.save("data/inner")
    refused(project, ConflictError, "data", match="data/inner")


def test_what_would_lie_in_a_tracked_file_is_refused(project: Project) -> None:
    (project.root / "data").write_bytes(b"x")
    project.save("data")
    (project.root / "data").unlink()
    write(project.root, {"data/file": b"1"})
    refused(project, ConflictError, "data/file")
    project.add("data")
    assert project.is_unchanged()


def test_places_inside_of_tracked_data_that_no_tree_can_have_are_refused(tracked: Project, tmp_path: Path) -> None:
    write(tmp_path / "outside", {"file": b"x"})
    write(tracked.root, {"data/.git/config": b"x", "data/sub/.GIT": b"y"})
    (tracked.root / "data/link").symlink_to(tmp_path / "outside")
    for path in ("data/.git", "data/.git/config", "data/sub/.GIT", "data/link/file"):
        refused(tracked, UsageError, path)


def test_a_pointer_that_git_would_ignore_is_refused(project: Project) -> None:
    (project.root / ".gitignore").write_text("*.dver\n/build/\n")
    write(project.root, {"data": b"1", "build/data": b"2"})
    assert "*.dver" in str(refused(project, ConflictError, "data").why)
    assert "build" in str(refused(project, ConflictError, "build/data").why)


def test_a_directory_in_the_place_of_the_pointer_is_refused(project: Project) -> None:
    write(project.root, {"data": b"1", "data.dver/file": b"2"})
    refused(project, ConflictError, "data")


def test_nothing_at_all_is_refused_with_both_ways_out(project: Project) -> None:
    error = refused(project, UsageError)
    assert error.fix
    assert "-u" in error.fix


def test_one_bad_path_among_good_ones_adds_none(project: Project) -> None:
    write(project.root, {"data": b"1"})
    refused(project, UsageError, "data", "nothing")
    assert not (project.root / "data.dver").exists()


def test_an_unreadable_file_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project.root, {"data/good": b"1", "data/secret": b"2"})
    real = os.open

    def denying(path, *args, **named):  # root could read any file of ours
        if str(path).endswith("secret'"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *args, **named)

    monkeypatch.setattr(os, "open", denying)
    with pytest.raises(PermissionError) as caught:
        project.add("data")
    assert "data/secret" in explain(caught.value).what
    assert not (project.root / "data.dver").exists()


# -- failing half-way


@pytest.fixture
def tracked(project: Project) -> Project:
    """Data that was added before, with a pointer that a person has edited."""
    write(project.root, {"data/one": b"1", "data/two": b"2"})
    project.add("data")
    pointer = project.root / "data.dver"
    pointer.write_text("# ours\ndesc: numbers\n" + pointer.read_text())
    project.git("add", "data.dver")
    project.commit()
    return project


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), RepositoryError("git add failed"), OSError(28, "full")])
@pytest.mark.parametrize("step", ["stage", "replace"])
def test_an_add_that_fails_at_any_step_leaves_pointers_and_ignore_files_as_they_were(
    failure: BaseException, step: str, tracked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tracked.root, {"data/three": b"3", "sub/more": b"4", "new": b"5"})
    before = git_view(tracked)
    module = dver.git.index if step == "stage" else os
    original = getattr(module, step)
    calls = 0

    def failing(*args: object, **named: object) -> object:
        nonlocal calls
        calls += step == "replace" and os.fsdecode(args[1]).endswith((".dver", ".gitignore"))
        if calls == 2 or step == "stage":
            monkeypatch.setattr(module, step, original)  # taking it back works
            raise failure
        return original(*args, **named)

    monkeypatch.setattr(module, step, failing)
    with pytest.raises(type(failure)):
        tracked.add("data", "sub/more", "new")
    assert git_view(tracked) == before
    assert tracked.leftovers() == []
    tracked.add("data", "sub/more", "new")
    assert tracked.is_unchanged("new")


def test_ctrl_c_just_after_git_has_staged_unstages_again(tracked: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tracked.root, {"data/three": b"3", "sub/more": b"4"})
    before = git_view(tracked)
    real = dver.git.index.stage

    def interrupted(*args: object) -> None:
        monkeypatch.setattr(dver.git.index, "stage", real)
        real(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(dver.git.index, "stage", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tracked.add("data", "sub/more")
    assert git_view(tracked) == before


def test_a_locked_git_index_fails_the_add_and_leaves_no_trace(tracked: Project) -> None:
    write(tracked.root, {"data/three": b"3", "new": b"5"})
    (tracked.root / ".git/index.lock").touch()
    before = git_view(tracked)
    with pytest.raises(RepositoryError):
        tracked.add("data", "new")
    assert git_view(tracked) == before


# What Python reports before it has loaded the entry point is its own: the delay starts when it has.
STARTED = "import os, dver.__main__ as entry; os.write(1, b'started'); entry.run()"


def interrupt(project: Project, delay: float, *args: str) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *args],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(7) == b"started"
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err, err
    return process.returncode


def test_ctrl_c_leaves_no_pointer_and_no_ignore_line_and_the_next_add_completes(project: Project) -> None:
    write(project.root, {f"data/d{n % 9}/f{n}": os.urandom(2000) for n in range(1500)})
    before = git_view(project)
    for step in range(12):
        code = interrupt(project, 0.01 + 0.03 * step, "add", "data")
        if git_view(project) != before:
            assert project.git("status", "--porcelain") == "A  .gitignore\nA  data.dver\n", f"exit code {code}"
            assert project.is_unchanged(), "it came when all was done"
            break
        assert code != 0
    project.add("data")
    assert project.is_unchanged()
    assert project.state().in_store
    assert project.leftovers() == []


def test_a_file_that_keeps_growing_is_never_recorded_with_a_wrong_oid(project: Project) -> None:
    data = project.root / "data"
    data.mkdir()
    stop = threading.Event()

    def grow() -> None:
        block = os.urandom(50_000)
        with (data / "log").open("ab", buffering=0) as file:
            while file.tell() < 256 << 20 and not stop.wait(0.001):
                file.write(block[: 1000 + file.tell() % 49_000])

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(10):
            try:
                (added,) = project.add("data").added
            except ConflictError:
                continue
            with project.opened() as repo:
                (entry,) = repo.store.tree(added.pointer.oid)
                content = repo.store.read(entry.oid)
                assert len(content) == entry.size
                assert Oid.of(content) == entry.oid
    finally:
        stop.set()
        thread.join()
    project.add("data")
    assert project.is_unchanged()


# -- once more


def store_files(store: Path) -> set[Path]:
    return {path for path in store.rglob("*") if path.is_file()}


def test_adding_again_writes_nothing_if_nothing_changed(tracked: Project) -> None:
    before = store_files(tracked.store), git_view(tracked)
    (added,) = tracked.add("data").added
    assert not added.changed
    assert (store_files(tracked.store), git_view(tracked)) == before


def test_adding_again_reads_only_what_changed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project.root, {f"data/f{number}": b"%d" % number for number in range(50)})
    time.sleep(0.05)  # or all would be racily clean
    project.add("data")
    (project.root / "data/f7").write_bytes(b"changed")
    opened: list[bytes] = []
    real = os.open

    def watching(path, *args, **named):
        if isinstance(path, bytes) and b"/data/" in path:
            opened.append(os.path.basename(path))
        return real(path, *args, **named)

    monkeypatch.setattr(os, "open", watching)
    (added,) = project.add("data").added
    assert added.changed
    assert [name for name in opened if name not in FILE_NAMES] == [b"f7"]


def test_comments_desc_meta_and_unknown_keys_survive(tracked: Project) -> None:
    pointer = tracked.root / "data.dver"
    pointer.write_text(pointer.read_text() + "meta: {licence: CC0}  # public\nowner: anna\n")
    write(tracked.root, {"data/three": b"3"})
    tracked.add("data")
    text = pointer.read_text()
    for line in ("# ours", "desc: numbers", "meta: {licence: CC0}  # public", "owner: anna"):
        assert line in text.splitlines()
    assert pointer_format.decode(text.encode()).files == 3
    assert tracked.is_unchanged()


def test_lines_that_git_treats_specially_in_the_ignore_file_are_escaped_and_others_stay(project: Project) -> None:
    (project.root / ".gitignore").write_bytes(b"# mine\n*.tmp\n!keep.tmp")
    write(project.root, {"!x*[a]": b"1", "#y": b"2", "yes": b"3", "!xa": b"3"})
    project.save("!x*[a]", "#y")
    text = (project.root / ".gitignore").read_bytes()
    assert text.startswith(b"# mine\n*.tmp\n!keep.tmp\n")
    untracked = project.git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    assert sorted(filter(None, untracked)) == ["!xa", "yes"]


def test_update_records_all_changes_and_skips_what_is_not_here(project: Project) -> None:
    write(project.root, {"a/file": b"1", "b/file": b"2", "c": b"3"})
    project.save("a", "b", "c")
    write(project.root, {"a/file": b"changed", "a/new": b"4"})
    (project.root / "c").unlink()
    result = project.add(update=True)
    assert [one.path for one in result.added if one.changed] == [b"a"]
    assert result.absent == (b"c",)


def test_a_dry_run_changes_nothing(tracked: Project) -> None:
    write(tracked.root, {"data/three": b"3", "new/x": b"4"})
    before = store_files(tracked.store), git_view(tracked)
    result = tracked.add("data", "new", dry_run=True)
    assert [one.path for one in result.added if one.changed] == [b"data", b"new"]
    assert (store_files(tracked.store), git_view(tracked)) == before


def test_one_file_of_a_tracked_directory_is_added_alone(tracked: Project) -> None:
    write(tracked.root, {"data/one": b"changed", "data/two": b"changed too", "data/deep/new": b"3"})
    tracked.add("data/one", "data/deep/new")
    assert [change.path for change in tracked.state().changes or ()] == [b"data/two"]
    (tracked.root / "data/one").unlink()
    tracked.add("data/one")
    with tracked.opened() as repo:
        names = {entry.name for entry in repo.store.tree(tracked_oid(tracked))}
    assert names == {b"two", b"deep"}


def tracked_oid(project: Project) -> Oid:
    return pointer_format.decode((project.root / "data.dver").read_bytes()).oid


def test_a_change_within_the_same_tick_of_the_clock_is_seen(project: Project) -> None:
    data = project.root / "data"
    data.mkdir()
    file = data / "file"
    file.write_bytes(b"0000")
    for number in range(1, 40):
        project.add("data")
        with file.open("r+b") as content:  # the same inode, the same size, as soon as can be
            content.write(b"%04d" % number)
        assert not project.is_unchanged(), number


@pytest.mark.parametrize("way", ["mtime", "replaced", "clock"])
def test_the_same_size_and_mtime_do_not_hide_other_content(way: str, project: Project) -> None:
    file = project.root / "data"
    file.write_bytes(b"old")
    if way == "clock":
        os.utime(file, (2**32, 2**32))  # written when the clock was wrong
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    time.sleep(0.05)
    project.add("data")
    assert project.is_unchanged()
    if way == "replaced":
        file.rename(project.root / "elsewhere")
    file.write_bytes(b"new")
    os.utime(file, ns=times)
    assert not project.is_unchanged()


# -- many


def test_a_directory_of_twenty_thousand_files_there_and_back(project: Project, tmp_path: Path) -> None:
    data = project.root / "data"
    data.mkdir()
    for number in range(20_000):
        (data / f"{number:05}.txt").write_bytes(b"%d" % number)
    first = project.save("data")
    size = sum(path.stat().st_size for path in store_files(project.store))
    (data / "12345.txt").write_bytes(b"another")
    second = project.save("data")
    grown = sum(path.stat().st_size for path in store_files(project.store)) - size
    assert grown < size / 3, "one shard and the list, not everything"
    assert [change.path for change in project.diff(first, second)] == [b"data/12345.txt"]
    project.switch(first)
    assert (data / "12345.txt").read_bytes() == b"12345"
    assert project.is_unchanged()
    clone = project.clone(tmp_path / "clone")
    clone.switch(second)
    assert (clone.root / "data/12345.txt").read_bytes() == b"another"
    assert len(os.listdir(clone.root / "data")) == 20_000


def test_four_adds_at_once_all_succeed(project: Project, run: Run) -> None:
    names = [f"part{number}" for number in range(4)]
    for name in names:
        write(project.root, {f"{name}/d{n % 3}/f{n}": f"{name} {n % 50}".encode() for n in range(300)})
    processes = [
        subprocess.Popen([sys.executable, "-m", "dver", "-q", "add", name], cwd=project.root, stderr=subprocess.PIPE)
        for name in names
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    project.commit()
    assert project.git("status", "--porcelain") == ""
    assert sorted((project.root / ".gitignore").read_text().split()) == [f"/{name}" for name in names]
    assert all(project.is_unchanged(name) and project.state(name).in_store for name in names)
    assert project.leftovers() == []


def test_clones_that_share_a_store_add_to_it_at_once(project: Project, tmp_path: Path) -> None:
    clones = [project.clone(tmp_path / f"clone{number}") for number in range(3)]
    for number, clone in enumerate(clones):
        write(clone.root, {f"data/f{n}": f"{n // 2 * (number + 1)}".encode() for n in range(400)})
    processes = [subprocess.Popen([sys.executable, "-m", "dver", "-q", "add", "data"], cwd=c.root) for c in clones]
    assert [process.wait(120) for process in processes] == [0] * 3
    for clone in clones:
        assert clone.is_unchanged()
        assert clone.state().in_store
    assert list(project.store.glob("tmp/*")) == []


def test_what_is_in_the_store_already_is_not_kept_twice(project: Project) -> None:
    content = os.urandom(50_000)
    write(project.root, {"one": content})
    project.add("one")
    before = store_files(project.store)
    write(project.root, {"two": content})
    project.add("two")
    assert store_files(project.store) == before


def test_objects_are_in_the_store_before_the_pointer_names_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project.root, {"data/file": b"x", "data/sub/file": b"y"})
    seen: list[bool] = []
    real = dver.tracking.pointer_files.write_all_atomic

    def watching(files: Mapping[Path, bytes]) -> None:
        with project.opened() as repo:
            fresh = Store(repo.store.root, repo.database)
            oid = pointer_format.decode(files[project.root / "data.dver"]).oid
            seen.append(all(entry.oid in fresh for entry in fresh.tree(oid)))
        real(files)

    monkeypatch.setattr(dver.tracking.pointer_files, "write_all_atomic", watching)
    project.add("data")
    assert seen == [True]


# -- .dverignore


def test_files_that_dverignore_names_are_left_alone(project: Project, tmp_path: Path) -> None:
    (project.root / ".dverignore").write_bytes(b"*.tmp\n/data/cache/\n\xff*\n")
    write(project.root, {"data/x": b"1", "data/x.tmp": b"2", "data/cache/y": b"3", "data/sub/.dverignore": b"!z.tmp\n"})
    write(project.root, {"data/sub/z.tmp": b"4", "data/sub/w.tmp": b"5"})
    (project.root / os.fsdecode(b"data/\xff1")).write_bytes(b"6")
    project.save("data")
    clone = project.clone(tmp_path / "clone")
    clone.checkout()
    assert sorted(clone.ls()) == [b"sub", b"sub/.dverignore", b"sub/z.tmp", b"x"]
    write(project.root, {"data/x.tmp": b"changed"})
    assert project.is_unchanged()


@pytest.mark.parametrize("content", [b"!", b"a\\", b"[z-a]"])
def test_a_rule_that_is_none_is_told_with_its_file(content: bytes, project: Project, run: Run) -> None:
    write(project.root, {"data/x": b"1", ".dverignore": content})
    assert ".dverignore" in run("add", "data", cwd=project.root, rc=2).err


def test_a_fifo_called_dverignore_is_not_waited_for(project: Project) -> None:
    write(project.root, {"data/x": b"1"})
    os.mkfifo(project.root / "data/.dverignore")
    error = refused(project, UsageError, "data", match="FIFO")
    assert ".dverignore" in error.what


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_link_in_the_place_of_tracked_data_is_never_recorded(run: Run, tmp_path: Path, kind: str) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", "--no-hooks", cwd=repo)
    write(repo, {"my data" if kind == "file" else "my data/a": b"content\n", "other": b"other\n"})
    run("add", "my data", "other", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    before = (repo / "my data.dver").read_bytes()
    (repo / "my data").rename(tmp_path / "large disk")
    (repo / "my data").symlink_to(tmp_path / "large disk")
    (repo / "other").write_text("changed\n")
    told = run("add", "-u", cwd=repo)
    assert "skipped my data: it is a symbolic link now" in told.err
    assert "updated other" in told.out
    assert "replaced by a symbolic link" in run("status", cwd=repo).out
    for arguments in (("my data",), ("-u", "my data")):
        error = run("add", *arguments, cwd=repo, rc=2).err
    assert (repo / "my data.dver").read_bytes() == before
    fix = error.partition("fix: ")[2]
    subprocess.run(["sh", "-c", fix], cwd=repo, check=True)
    run("add", "-u", cwd=repo)
    assert (repo / "my data.dver").read_bytes() == before


@pytest.mark.parametrize("rule", ["ignored/", "/a dir/ignored", "ignored/*", "*.dver", "a dir/"])
@pytest.mark.parametrize("place", [".gitignore", "a dir/.gitignore", ".git/info/exclude"])
def test_the_fix_for_a_pointer_that_git_would_ignore_works(run: Run, tmp_path: Path, rule: str, place: str) -> None:
    repo = make_git_repo(tmp_path / "repo")
    run("init", "--no-hooks", cwd=repo)
    write(repo, {"a dir/ignored/in/data": b"data\n", "a dir/ignored/other": b"other\n", "a dir/ignored/in/more": b"\n"})
    (repo / place).write_text(rule)  # without a line ending
    done = run("add", "a dir/ignored/in/data", cwd=repo, rc=None)
    if done.rc == 0:  # the rule does not match there
        return
    subprocess.run(["sh", "-c", done.err.partition("fix: ")[2]], cwd=repo, check=True)
    run("add", "a dir/ignored/in/data", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    tracked = git("ls-files", "a dir/ignored", cwd=repo).split("\n")
    assert tracked == ["a dir/ignored/in/.gitignore", "a dir/ignored/in/data.dver", ""]
    assert "a dir/ignored/other" not in git("status", "--porcelain", "-uall", cwd=repo) or rule == "*.dver"
    run("status", "--exit-code", cwd=repo)


def test_many_files_cost_hardly_more_git_commands_and_commits_than_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, since times depend on the machine: a Git command takes milliseconds, and so does a synced commit."""
    counts: list[dict[str, int]] = []
    for number in (1, 40):
        write(project.root, {f"many{number}/{n}.bin": b"%d" % n for n in range(number)})
        counted = dict.fromkeys(("git", "commits"), 0)
        with monkeypatch.context() as patched:
            count_calls(patched, dver.git.index, "run", counted, "git")
            count_calls(patched, Database, "_commit", counted, "commits")
            project.add(*(f"many{number}/{n}.bin" for n in range(number)))
        counts.append(counted)
    assert counts[1]["git"] <= counts[0]["git"] + 2
    assert counts[1]["commits"] <= counts[0]["commits"] + 2


def test_only_files_that_a_commit_changes_are_said_to_be_staged(run: Run, git_repo: Path) -> None:
    run("init", cwd=git_repo)
    (git_repo / "data").mkdir()
    (git_repo / "data" / "a").write_text("1")
    first = run("add", "data", cwd=git_repo).err  # before the first commit
    assert "staged data.dver, .gitignore: `git commit` records them" in first
    git("commit", "-qm", "Data", cwd=git_repo)
    (git_repo / "data" / "a").write_text("2")
    assert "staged data.dver: `git commit` records it" in run("add", "data", cwd=git_repo).err
    assert "staged" not in run("checkout", "HEAD", "--force", cwd=git_repo).err
