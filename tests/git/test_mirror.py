"""Mirrors of other repositories: what they fetch, when they need no network, and what goes wrong."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gitserver import GitServer, allow_filters, git_server
from servers import WebServer
from support import git

from dver.core.cache_dir import user_cache_dir
from dver.core.errors import DverError, RemoteError, RepositoryError, UsageError
from dver.git.git_repo import describe_objects
from dver.git.mirror import GitMirror
from dver.git.pointers import read_blobs

BIG = os.urandom(300_000)


@pytest.fixture
def source(git_repo: Path) -> Path:
    """A repository with three commits, a branch, an annotated tag, and a large file in each commit."""
    for number in range(2):
        (git_repo / "big.bin").write_bytes(BIG + b"%d" % number)
        git("add", "-A", cwd=git_repo)
        git("commit", "-qm", f"Commit {number}", cwd=git_repo)
        git("tag", "-am", "A tag", f"v{number}", cwd=git_repo)
    git("branch", "feature/x", "HEAD~1", cwd=git_repo)
    allow_filters(git_repo)
    return git_repo


@pytest.fixture
def server(source: Path) -> Iterator[GitServer]:
    with git_server(source.parent) as running:
        yield running


@pytest.fixture
def mirror(server: GitServer) -> GitMirror:
    return GitMirror.of(f"{server.url}/repo/.git", user_cache_dir())


def id_of(source: Path, rev: str) -> str:
    return git("rev-parse", f"{rev}^{{commit}}", cwd=source).strip()


@pytest.mark.parametrize("rev", ["main", "feature/x", "v0", "v1", "HEAD", "@", "refs/heads/main"])
def test_a_name_fetches_one_commit_without_files(rev: str, source: Path, server: GitServer, mirror: GitMirror) -> None:
    assert mirror.resolve(rev) == id_of(source, rev)
    assert server.sent < 5_000
    assert (mirror.directory / "shallow").read_text().split() == [id_of(source, rev)]


def test_without_a_revision_the_head_of_the_other_repository_counts(source: Path, mirror: GitMirror) -> None:
    git("checkout", "-q", "feature/x", cwd=source)
    assert mirror.resolve() == id_of(source, "feature/x")


def test_a_known_full_id_needs_no_network(source: Path, server: GitServer, mirror: GitMirror) -> None:
    commit = mirror.resolve(id_of(source, "main~1"))
    server.seen.clear()
    assert mirror.resolve(commit) == commit == id_of(source, "main~1")
    assert server.seen == []


@pytest.mark.parametrize("rev", ["main~2", "HEAD^", "v1^{commit}~1", ":/Commit 0"])
def test_an_expression_fetches_the_history_without_files(
    rev: str, source: Path, server: GitServer, mirror: GitMirror
) -> None:
    mirror.resolve("v0")
    assert mirror.resolve(rev) == git("rev-parse", rev, cwd=source).strip()
    assert server.sent < 10_000


def test_an_abbreviated_id_and_a_described_commit_are_found(source: Path, mirror: GitMirror) -> None:
    commit = id_of(source, "main~1")
    assert mirror.resolve(commit[:9]) == commit
    assert mirror.resolve(f"v0-0-g{commit[:9]}") == commit


def test_a_name_after_the_history_keeps_the_history(source: Path, mirror: GitMirror) -> None:
    assert mirror.resolve("main~2") == id_of(source, "main~2")
    git("commit", "-q", "--allow-empty", "-m", "New", cwd=source)
    assert mirror.resolve("main") == id_of(source, "main")
    assert mirror.resolve("main~3") == id_of(source, "main~3")


def test_a_branch_that_moved_and_one_that_became_a_directory(source: Path, mirror: GitMirror) -> None:
    git("branch", "topic", cwd=source)
    assert mirror.resolve("topic~1") == id_of(source, "main~1")
    git("branch", "-m", "topic", "topic/a", cwd=source)
    git("branch", "-f", "topic/a", "main~1", cwd=source)
    assert mirror.resolve("topic/a") == id_of(source, "main~1")
    assert mirror.resolve("topic/a~1") == id_of(source, "main~2")


def test_blobs_come_together_and_once(source: Path, server: GitServer, mirror: GitMirror) -> None:
    mirror.resolve("main")
    ids = [git("rev-parse", f"main:{name}", cwd=source).strip() for name in ("README", "big.bin")]
    assert describe_objects(mirror.git, ids, "%(objectsize)") == [f"{one} missing" for one in ids]
    before = server.fetches()
    mirror.fetch_blobs(ids)
    assert read_blobs(mirror.git, ids) == {ids[0]: b"A project.\n", ids[1]: BIG + b"1"}
    requests = server.fetches() - before
    assert requests <= 2
    server.seen.clear()
    mirror.fetch_blobs(ids)
    assert server.seen == []


def test_a_read_of_a_missing_file_contacts_nobody(source: Path, server: GitServer, mirror: GitMirror) -> None:
    mirror.resolve("main")
    server.seen.clear()
    with pytest.raises(DverError, match="cannot read its blob"):
        read_blobs(mirror.git, [git("rev-parse", "main:README", cwd=source).strip()])
    assert server.seen == []


def test_a_server_without_filters_sends_the_files_at_once(source: Path, server: GitServer, mirror: GitMirror) -> None:
    git("config", "uploadpack.allowFilter", "false", cwd=source)
    mirror.resolve("main")
    server.seen.clear()
    blob = git("rev-parse", "main:big.bin", cwd=source).strip()
    mirror.fetch_blobs([blob])
    assert read_blobs(mirror.git, [blob]) == {blob: BIG + b"1"}
    assert server.seen == []


def test_an_old_server_that_refuses_ids_sends_the_history(source: Path, server: GitServer, mirror: GitMirror) -> None:
    server.protocol = False
    commit = id_of(source, "main~2")
    assert mirror.resolve(commit) == commit
    assert (mirror.directory / "refs/dver/head").exists()


@pytest.mark.timeout(60)
def test_a_web_server_with_the_files_of_a_repository_works(source: Path, web_server: WebServer) -> None:
    git("clone", "-q", "--bare", source, web_server.folder / "plain.git", cwd=source)
    git("update-server-info", cwd=web_server.folder / "plain.git")
    mirror = GitMirror.of(f"{web_server.url}/plain.git", user_cache_dir())
    assert mirror.resolve("main~1") == id_of(source, "main~1")
    assert mirror.resolve("main") == mirror.resolve() == id_of(source, "main")
    assert mirror.resolve(id_of(source, "v0")) == id_of(source, "v0")
    blob = git("rev-parse", "main:big.bin", cwd=source).strip()
    mirror.fetch_blobs([blob])
    assert read_blobs(mirror.git, [blob]) == {blob: BIG + b"1"}


def test_a_repository_with_sha256_is_mirrored(tmp_path: Path) -> None:
    made = tmp_path / "sha256"
    git("init", "-q", "--object-format=sha256", made, cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "Begin", cwd=made)
    mirror = GitMirror.of(str(made), user_cache_dir())
    assert mirror.resolve() == id_of(made, "HEAD")
    assert mirror.git.object_format == "sha256"
    other = GitMirror.of(made.as_uri(), user_cache_dir())
    assert other.resolve(id_of(made, "HEAD")) == id_of(made, "HEAD")


@pytest.mark.parametrize("rev", ["mian", "no/such", "deadbeef", "1" * 40, "main~9", "--help", "a b", ""])
def test_an_unknown_revision_is_a_usage_error(rev: str, mirror: GitMirror) -> None:
    with pytest.raises(UsageError, match="unknown revision") as caught:
        mirror.resolve(rev)
    assert caught.value.fix is not None
    assert "main" in caught.value.fix


def test_an_unknown_revision_does_not_fetch_the_history(server: GitServer, mirror: GitMirror) -> None:
    with pytest.raises(UsageError) as caught:
        mirror.resolve("mian")
    assert caught.value.fix == "did you mean main?"
    assert not mirror.directory.exists()


def test_an_empty_repository_has_no_commits(tmp_path: Path) -> None:
    git("init", "-q", tmp_path / "empty", cwd=tmp_path)
    with pytest.raises(UsageError) as caught:
        GitMirror.of(str(tmp_path / "empty"), user_cache_dir()).resolve()
    assert caught.value.fix == "it has no commits yet"


def test_a_missing_repository_and_an_unknown_host_are_told_apart(server: GitServer, tmp_path: Path) -> None:
    for address in (f"{server.url}/none.git", str(tmp_path / "none")):
        with pytest.raises(RepositoryError, match="no Git repository at"):
            GitMirror.of(address, user_cache_dir()).resolve()
    with pytest.raises(RemoteError) as caught:
        GitMirror.of("http://nowhere.invalid/x.git", user_cache_dir()).resolve()
    assert caught.value.why == "its host is unknown"
    assert list((user_cache_dir() / "mirrors").glob("*[!k]")) == []


@pytest.mark.parametrize("address", ["", "-oProxyCommand=id", "http://a/\nb", "ext::sh -c id"])
def test_an_address_that_would_run_a_command_is_refused(address: str) -> None:
    with pytest.raises(DverError):
        GitMirror.of(address, user_cache_dir()).resolve()


def test_missing_credentials_are_an_error_and_no_question(source: Path, tmp_path: Path) -> None:
    with git_server(source.parent, password="secret") as server:
        mirror = GitMirror.of(f"{server.url}/repo/.git", user_cache_dir())
        with pytest.raises(RemoteError, match="refuses access") as caught:
            mirror.resolve()
        assert caught.value.fix is not None
        assert "credential helper" in caught.value.fix
        wrong = GitMirror.of(f"{server.url}/repo/.git".replace("//", "//reader:wrong@"), user_cache_dir())
        with pytest.raises(RemoteError) as refused:
            wrong.resolve()
        assert "wrong" not in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


def test_credentials_of_git_are_used(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "askpass"
    program.write_text("#!/bin/sh\ncase $1 in User*) echo reader;; *) echo secret;; esac\n")
    program.chmod(0o755)
    with git_server(source.parent, password="secret") as server:
        monkeypatch.setenv("GIT_ASKPASS", str(program))
        assert GitMirror.of(f"{server.url}/repo/.git", user_cache_dir()).resolve() == id_of(source, "main")
        monkeypatch.delenv("GIT_ASKPASS")
        url = f"{server.url}/repo/.git".replace("//", "//reader:secret@")
        with_password = GitMirror.of(url, user_cache_dir())
        assert with_password.resolve() == id_of(source, "main")
        kept = [path.read_bytes() for path in with_password.directory.rglob("*") if path.is_file()]
        assert not any(b"secret" in content for content in kept)


def test_hooks_and_templates_of_the_user_do_not_run(source: Path, mirror: GitMirror, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "reference-transaction").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (hooks / "reference-transaction").chmod(0o755)
    git("config", "--global", "core.hooksPath", hooks, cwd=tmp_path)
    mirror.resolve("main~1")
    assert not (tmp_path / "ran").exists()


def test_variables_of_a_hook_of_another_repository_do_not_count(
    source: Path, mirror: GitMirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "-q", tmp_path / "other", cwd=tmp_path)
    for name, value in (("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."), ("GIT_INDEX_FILE", ".git/index")):
        monkeypatch.setenv(name, str(tmp_path / "other" / value))
    assert mirror.resolve("main") == subprocess.run(
        ["git", "--git-dir", source / ".git", "rev-parse", "main"], capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    assert not (tmp_path / "other/.git/refs/dver").exists()


def test_threads_share_a_mirror(source: Path, mirror: GitMirror) -> None:
    revs = ["main", "v0", "main~2", "feature/x", id_of(source, "v1")] * 3
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(mirror.resolve, revs)) == [id_of(source, rev) for rev in revs]


def _resolve(url: str, revs: list[str]) -> list[str]:
    return [GitMirror.of(url, user_cache_dir()).resolve(rev) for rev in revs]


def test_processes_share_a_mirror(source: Path, mirror: GitMirror) -> None:
    revs = ["main", "v0", "main~2", "feature/x"]
    expected = [id_of(source, rev) for rev in revs]
    with multiprocessing.get_context("forkserver").Pool(3) as pool:
        found = pool.starmap(_resolve, [(mirror.url, revs)] * 3)
    assert found == [expected] * 3


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


STARTED_SLOWLY = """
import subprocess, time
class Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        time.sleep(2)
subprocess.Popen = Popen
"""
"""Ctrl-C comes when git runs, and Python has not returned from starting it."""


@pytest.mark.parametrize("prepared", ["", STARTED_SLOWLY])
def test_ctrl_c_ends_git_and_leaves_a_usable_mirror(source: Path, tmp_path: Path, prepared: str) -> None:
    """A server that accepts and never answers: git waits until dver is interrupted."""
    program = tmp_path / "wait"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    program.chmod(0o755)
    git("config", "--global", "core.sshCommand", program, cwd=tmp_path)
    code = (
        f"{prepared}\nimport sys; from pathlib import Path; from dver.git.mirror import GitMirror\n"
        "GitMirror.of('ssh://host/x', Path(sys.argv[1])).resolve()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cache")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.send_signal(2)
    assert process.wait(timeout=60) != 0
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while is_running(pid):  # the kernel needs a moment on a busy machine
        assert time.monotonic() < deadline
    assert list((tmp_path / "cache" / "mirrors").glob("*[!k]")) == []


def test_an_address_of_ssh_is_fetched_without_a_terminal(source: Path, tmp_path: Path) -> None:
    """In place of ssh: a program that runs git here, and records whether it could ask a question."""
    program = tmp_path / "ssh"
    program.write_text(
        f"#!/bin/sh\n(: < /dev/tty) 2>/dev/null && touch {tmp_path}/terminal\n"
        'while [ "$1" != git@host ]; do shift; done; shift; exec sh -c "$*"\n'
    )
    program.chmod(0o755)
    git("config", "--global", "core.sshCommand", program, cwd=tmp_path)
    for address in (f"git@host:{source}", f"ssh://git@host:22{source}"):
        assert GitMirror.of(address, user_cache_dir()).resolve("v1") == id_of(source, "v1")
    assert not (tmp_path / "terminal").exists()


def test_a_server_that_answers_nonsense_is_an_error(web_server: WebServer) -> None:
    (web_server.folder / "nonsense").mkdir()
    (web_server.folder / "nonsense" / "HEAD").write_text("nonsense\n")
    with pytest.raises(DverError) as caught:
        GitMirror.of(f"{web_server.url}/nonsense", user_cache_dir()).resolve()
    assert caught.value.fix is not None
