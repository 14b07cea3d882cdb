"""`model get`: which version is written, how much is transferred, and what is refused."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gitserver import GitServer, git_server
from registered_models import commit_all, make_source, tag
from support import git
from workspaces import Project, listing, write

from dver.core.errors import ConflictError, CorruptError, DverError, UsageError
from dver.formats.registry_tag import TagDetails
from dver.models.located import locate_version
from dver.ops.model.get import get_model
from dver.repo import Repository

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dvc-repositories"


@pytest.fixture
def source(tmp_path: Path) -> Project:
    return make_source(tmp_path / "source", tmp_path / "remote")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def server(source: Project) -> Iterator[GitServer]:
    with git_server(source.root.parent) as running:
        yield running


@pytest.mark.parametrize(
    ("reference", "version", "content"),
    [
        ("churn", "v2.0.0", b"two"),
        ("churn@latest", "v2.0.0", b"two"),
        ("churn@1.0.0", "v1.0.0", b"one"),
        ("churn#prod", "v1.0.0", b"one"),
    ],
)
@pytest.mark.parametrize("where", ["directory", "url"])
def test_a_version_is_written_from_a_project_and_from_a_url(
    reference: str, version: str, content: bytes, where: str, source: Project, here: Path
) -> None:
    repo = os.fspath(source.root) if where == "directory" else source.root.as_uri()
    result = get_model(repo, reference, cwd=here)
    assert listing(here / "churn") == {
        b"weights": ("file", content),
        b"sub": ("directory", b""),
        b"sub/vocabulary": ("file", b"words\n"),
    }
    assert (result.version, result.files, result.path, result.out) == (version, 2, "models/churn", here / "churn")


def test_the_present_project_and_its_subdirectories_are_the_default(source: Project) -> None:
    sub = source.root / "sub"
    sub.mkdir()
    get_model(None, "churn#prod", cwd=sub, out="got/")
    assert (sub / "got/churn/weights").read_bytes() == b"one"
    get_model(None, "note", cwd=source.root, out="copy")
    assert (source.root / "copy").read_bytes() == (source.root / "README").read_bytes()


def test_less_is_transferred_than_by_a_clone(source: Project, server: GitServer, here: Path) -> None:
    commit_all(source, {f"code/{number}.py": os.urandom(20_000) for number in range(20)})
    tag(source.root, *(f"other@v1.0.{number}" for number in range(300)))
    url = f"{server.url}/source/.git"
    get_model(url, "churn#prod", cwd=here)
    assert (here / "churn/weights").read_bytes() == b"one"
    assert server.sent < 20_000
    assert server.fetches() <= 6
    server.sent = 0
    git("clone", "-q", url, here / "clone", cwd=here)
    assert server.sent > 400_000


def test_existing_paths_are_replaced_only_by_force(source: Project, server: GitServer, here: Path) -> None:
    write(here, {"churn": b"mine", "out": b"mine"})
    for out in (None, "out"):
        with pytest.raises(ConflictError, match="already exists"):
            get_model(f"{server.url}/source/.git", "churn", cwd=here, out=out)
    assert listing(here) == {b"churn": ("file", b"mine"), b"out": ("file", b"mine")}
    get_model(f"{server.url}/source/.git", "churn", cwd=here, force=True)
    assert (here / "churn/weights").read_bytes() == b"two"


def test_a_moved_tag_is_noticed_and_the_fix_gets_the_content_anyway(source: Project, here: Path) -> None:
    with Repository.open(source.root) as repo:
        message = subprocess.run(
            ["git", "tag", "-l", "--format=%(contents)", "churn@v1.0.0"],
            cwd=repo.root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    subprocess.run(["git", "tag", "-f", "-a", "-m", message, "churn@v1.0.0", "HEAD"], cwd=source.root, check=True)
    with pytest.raises(CorruptError, match="is not what was registered") as found:
        get_model(source.root.as_uri(), "churn@v1.0.0", cwd=here)
    assert list(here.iterdir()) == []
    assert found.value.fix is not None
    words = shlex.split(found.value.fix.partition(": ")[2])
    assert words[:2] == ["dver", "get"]
    subprocess.run([sys.executable, "-m", *words], cwd=here, check=True)
    assert (here / "churn/weights").read_bytes() == b"two"


def test_errors_name_what_exists(source: Project, here: Path) -> None:
    url = source.root.as_uri()
    for reference, message in (
        ("churn@v9.0.0", "no version v9.0.0"),
        ("churn#dev", "in stage 'dev'"),
        ("other", "not in the registry of"),
        ("chrun", "did you mean 'churn'"),
    ):
        with pytest.raises(UsageError, match=message):
            get_model(url, reference, cwd=here)
    tag(source.root, "unknown@v1.0.0")
    with pytest.raises(UsageError, match=r"the path of unknown@v1\.0\.0 is unknown"):
        get_model(url, "unknown", cwd=here)
    assert list(here.iterdir()) == []


def test_a_definition_is_found_in_a_subdirectory(source: Project, here: Path) -> None:
    definition = b"artifacts:\n  faces: {path: '../${dir}/churn'}\n"
    commit_all(source, {"team/dver.yaml": definition, "team/params.yaml": b"dir: models\n"})
    tag(source.root, "team=faces@v1.0.0")
    for repo in (os.fspath(source.root), source.root.as_uri(), os.fspath(source.root / "team")):
        get_model(repo, "team:faces", cwd=here, force=True)
        assert (here / "churn/weights").read_bytes() == b"two"


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_models_of_dvc_and_gto_repositories_are_found(version: str, tmp_path: Path, here: Path) -> None:
    repo = tmp_path / "repo"
    git("clone", "-q", FIXTURES / version / "repo.bundle", repo, cwd=tmp_path)
    shutil.copytree(FIXTURES / version / "remote", tmp_path / "remote")
    before = (repo / "dvc.yaml").read_bytes()
    write(repo, {"dvc.yaml": before + b"artifacts:\n  net: {path: models/net.bin, type: model}\n"})
    write(
        repo, {"artifacts.yaml": b"old:\n  type: dataset\n  path: data\n  labels: [a, 1]\nvirtual:\n  virtual: true\n"}
    )
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Artifacts", cwd=repo)
    tag(repo, "net@v1.0.0", "old@v0.1.0", "virtual@v0.1.0")
    result = get_model(repo.as_uri(), "net", cwd=here)
    assert (here / "net.bin").read_bytes() == b"a model\r\n"
    assert result.path == "models/net.bin"
    get_model(os.fspath(repo), "old@latest", cwd=here)
    assert (here / "data/a.txt").read_bytes() == b"two\n"
    old = locate_version(repo.as_uri(), "old", cwd=here).definition
    assert old is not None
    assert (old.definition.type, old.definition.labels) == ("dataset", ("a", "1"))
    with pytest.raises(DverError, match="unknown"):
        get_model(repo.as_uri(), "virtual", cwd=here)


@pytest.mark.parametrize(
    "path", ["..", "models/..", ".git", "../../etc/passwd", "/etc/passwd", "models/.git/", ".", ""]
)
def test_a_hostile_path_in_a_tag_writes_nothing_elsewhere(path: str, source: Project, here: Path) -> None:
    tag(source.root, "evil@v1.0.0", details=TagDetails(path=path))
    inside = here / "inside"
    inside.mkdir()
    for force in (False, True):
        with suppress(DverError):
            get_model(source.root.as_uri(), "evil", cwd=inside, force=force)
    assert list(here.iterdir()) == [inside]
    assert set(os.listdir(inside)) <= {"evil"}
