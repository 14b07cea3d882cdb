"""Settings read and changed through the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.core.errors import RepositoryError, UsageError
from dver.ops.setup import config
from dver.ops.track.init import init


@pytest.fixture
def project(git_repo: Path) -> Path:
    init(git_repo)
    return git_repo


def test_a_change_tells_the_value_as_it_is_read_and_the_file(project: Path) -> None:
    changed = config.set_setting(project, "core.jobs", "4")
    assert changed == config.SettingChanged("core.jobs", 4, project / ".dver/config.toml", is_staged=True)
    assert config.get_setting(project, "core.jobs") == 4
    assert config.set_setting(project, "core.jobs", None).value is None


def test_each_scope_is_read_by_itself(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_setting(project, "core.jobs", "1", scope="global")
    config.set_setting(project, "core.jobs", "2", scope="local")
    monkeypatch.setenv("DVER_CORE_JOBS", "3")
    assert config.get_setting(project, "core.jobs") == 3
    assert config.get_setting(project, "core.jobs", scope="local") == 2
    assert config.get_setting(project, "core.jobs", scope="global") == 1
    assert config.get_setting(project, "core.jobs", scope="project") is None
    assert [item.key for item in config.list_settings(project, scope="local")] == ["core.jobs"]


def test_a_failed_change_changes_and_stages_nothing(project: Path) -> None:
    git("commit", "-qm", "Project", cwd=project)
    with pytest.raises(UsageError):
        config.set_setting(project, "core.jobs", "none")
    assert git("status", "--short", cwd=project) == ""


def test_the_project_in_a_subfolder_stages_its_own_file(git_repo: Path) -> None:
    (git_repo / "sub").mkdir()
    init(git_repo / "sub")
    config.set_setting(git_repo / "sub", "core.jobs", "4")
    assert "jobs = 4" in git("show", ":sub/.dver/config.toml", cwd=git_repo)


def test_only_global_settings_can_do_without_a_project(tmp_path: Path) -> None:
    config.set_setting(tmp_path, "core.jobs", "4", scope="global")
    assert config.get_setting(tmp_path, "core.jobs", scope="global") == 4
    with pytest.raises(RepositoryError):
        config.set_setting(tmp_path, "core.jobs", "5", scope="local")
    assert config.get_setting(tmp_path, "core.jobs") == 4
