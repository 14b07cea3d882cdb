"""fsspec's own tests of a filesystem, as far as they read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests
from workspaces import Project

from dver.fs.filesystem import DverFileSystem
from dver.ops.share.push import push
from dver.ops.share.remote import add as add_remote


class DverFixtures(AbstractFixtures):
    """The files of each test are tracked in a project; they are read from the worktree, and from a remote."""

    @pytest.fixture(params=["worktree", "remote"])
    def source(self, request: pytest.FixtureRequest) -> str:
        """Where contents are read from."""
        where: str = request.param
        return where

    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
        project = Project.make(tmp_path / "project")
        monkeypatch.chdir(project.root)
        return project

    @pytest.fixture
    def fs(self, project: Project) -> DverFileSystem:
        return fsspec.filesystem("dver")

    @pytest.fixture
    def fs_path(self) -> str:
        return "files"

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return os.path.join

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self, project: Project, source: str) -> str:
        return self._tracked(project, source, self._bulk_operations_scenario_0)

    @pytest.fixture
    def fs_glob_edge_cases_files(self, project: Project, source: str) -> str:
        return self._tracked(project, source, self._glob_edge_cases_files)

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self, project: Project, source: str) -> str:
        return self._tracked(project, source, self._dir_and_file_with_same_name_prefix)

    @pytest.fixture
    def fs_10_files_with_hashed_names(self, project: Project, source: str) -> str:
        return self._tracked(project, source, self._10_files_with_hashed_names)

    def _tracked(self, project: Project, source: str, make: Callable[..., str]) -> str:
        made = make(LocalFileSystem(auto_mkdir=True), os.path.join, str(project.root / "files"))
        name = os.path.relpath(made, project.root)
        project.save(name)
        if source == "remote":
            with project.opened() as repo:
                add_remote(repo, "origin", os.fspath(project.root.parent / "remote"), default=True)
                push(repo, cwd=project.root)
            shutil.rmtree(project.root / ".git/dver/store")
            shutil.rmtree(made)
        return name


class TestGet(AbstractGetTests, DverFixtures):
    """Downloads of files, directories, globs and lists."""

    def test_get_directory_recursive(
        self,
        fs: DverFileSystem,
        fs_join: Callable[..., str],
        fs_path: str,
        local_fs: LocalFileSystem,
        local_join: Callable[..., str],
        local_target: str,
        project: Project,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def touch(path: str) -> None:
            (project.root / path).touch()
            project.save(os.path.dirname(path))
            fs.invalidate_cache()

        monkeypatch.setattr(fs, "mkdir", lambda path: (project.root / path).mkdir(parents=True))
        monkeypatch.setattr(fs, "touch", touch)
        super().test_get_directory_recursive(fs, fs_join, fs_path, local_fs, local_join, local_target)
