"""`dver config` through the real command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support import Run, git


@pytest.fixture
def project(run: Run, git_repo: Path) -> Path:
    run("init", cwd=git_repo)
    git("commit", "-qm", "Project", cwd=git_repo)
    return git_repo


def test_a_setting_goes_to_the_projects_file_and_is_staged(run: Run, project: Path) -> None:
    run("config", "set", "cache.link", "copy", cwd=project)
    assert run("config", "get", "cache.link", cwd=project).out == "copy\n"
    assert 'link = "copy"' in git("show", ":.dver/config.toml", cwd=project)
    run("config", "unset", "cache.link", cwd=project)
    assert run("config", "get", "cache.link", cwd=project).out == "auto\n"
    assert "link" not in git("show", ":.dver/config.toml", cwd=project)


def test_a_configuration_that_git_does_not_track_is_not_staged(run: Run, project: Path) -> None:
    git("rm", "-q", "--cached", ".dver/config.toml", cwd=project)
    git("commit", "-qm", "Keep settings out", cwd=project)
    run("config", "set", "core.jobs", "2", cwd=project)
    assert git("diff", "--cached", "--name-only", cwd=project) == ""


def test_the_other_scopes_stay_out_of_git(run: Run, project: Path, env: Path) -> None:
    run("config", "set", "--local", "core.jobs", "2", cwd=project)
    run("config", "set", "--global", "core.jobs", "3", cwd=project)
    assert git("status", "--short", cwd=project) == ""
    assert run("config", "get", "core.jobs", cwd=project).out == "2\n"
    assert run("config", "get", "--global", "core.jobs", cwd=project).out == "3\n"
    assert run("config", "get", "--project", "core.jobs", cwd=project, rc=1).out == ""
    assert "jobs = 3" in (env / ".config/dver/config.toml").read_text()


def test_global_settings_need_no_project(run: Run, tmp_path: Path) -> None:
    run("config", "set", "--global", "core.jobs", "3", cwd=tmp_path)
    assert run("config", "list", "--global", "--json", cwd=tmp_path).json == [
        {"key": "core.jobs", "value": 3, "origin": "global", "secret": False, "trusted": True}
    ]


def test_outside_of_a_repository_your_own_settings_and_defaults_are_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".dver").mkdir()
    (tmp_path / ".dver/config.toml").write_text("[core]\njobs = 9\n")
    run("config", "set", "--global", "core.jobs", "3", cwd=tmp_path)
    assert run("config", "get", "core.jobs", cwd=tmp_path).out == "3\n"
    listed = run("config", "list", cwd=tmp_path).out
    assert re.search(r"^core.jobs +3 +global$", listed, re.MULTILINE)
    assert re.search(r"^gc.grace +14d +default$", listed, re.MULTILINE)
    for scope in ("--project", "--local"):
        assert "not in a Git repository" in run("config", "list", scope, cwd=tmp_path, rc=3).err


def test_a_key_alone_is_get(run: Run, project: Path) -> None:
    run("config", "set", "core.jobs", "3", cwd=project)
    assert run("config", "core.jobs", cwd=project).out == "3\n"
    assert run("config", "--project", "core.jobs", cwd=project, rc=2).err
    assert run("config", "core.jobs", "--project", cwd=project).out == "3\n"
    assert "unknown setting 'core.job'" in run("config", "core.job", cwd=project, rc=2).err
    assert "no such command: 'lst'; did you mean 'list'?" in run("config", "lst", cwd=project, rc=2).err


def test_a_key_and_a_value_get_the_command_that_sets_it(run: Run, project: Path) -> None:
    fix = run("config", "core.jobs", "4", cwd=project, rc=2).err.split("fix: ")[1]
    run(*shlex.split(fix)[1:], cwd=project)
    assert run("config", "core.jobs", cwd=project).out == "4\n"


def test_get_of_an_unset_setting_prints_nothing_and_exits_with_one(run: Run, project: Path) -> None:
    assert run("config", "get", "core.remote", cwd=project, rc=1).out == ""
    assert run("config", "get", "--json", "core.remote", cwd=project, rc=1).json == {
        "key": "core.remote",
        "value": None,
    }


def test_an_unknown_setting_and_a_value_that_does_not_fit_are_refused(run: Run, project: Path) -> None:
    assert "did you mean core.jobs?" in run("config", "get", "core.jbs", cwd=project, rc=2).err
    assert "expected a whole number" in run("config", "set", "core.jobs", "many", cwd=project, rc=2).err
    assert "is not set" in run("config", "unset", "core.jobs", cwd=project, rc=2).err
    assert git("status", "--short", cwd=project) == ""


def test_list_says_where_each_setting_comes_from_and_masks_secrets(run: Run, project: Path) -> None:
    run("config", "set", "--local", "remote.origin.secret_access_key", "hush", cwd=project)
    run("config", "set", "core.jobs", "7", cwd=project)
    listed = run("config", "list", cwd=project, env={"DVER_CACHE_LINK": "copy", "DVER_HOOKS_INSTALL": ""}).out
    assert [line.split() for line in listed.splitlines()] == [
        ["access.verify", "ranges", "default"],
        ["cache.link", "copy", "environment"],
        ["cache.shared", "no", "default"],
        ["checks.plugins", "false", "default"],
        ["core.jobs", "7", "project"],
        ["gc.grace", "14d", "default"],
        ["hooks.fetch", "false", "default"],
        ["hooks.install", "true", "default"],
        ["hooks.max_file_size", "10MB", "default"],
        ["hooks.pre_commit", "check", "default"],
        ["parsing.bool", "store_true", "default"],
        ["parsing.list", "nargs", "default"],
        ["remote.origin.secret_access_key", "********", "local"],
        ["user_cache.size", "10GB", "default"],
    ]
    assert "hush" not in run("config", "list", "--json", cwd=project).out
    assert run("config", "get", "remote.origin.secret_access_key", cwd=project).out == "hush\n"


def test_a_secret_is_refused_where_git_would_see_it(run: Run, project: Path) -> None:
    result = run("config", "set", "remote.origin.secret_access_key", "hush", cwd=project, rc=2)
    assert "--local" in result.err
    assert "hush" not in result.err + (project / ".dver/config.toml").read_text()


def test_the_help_names_every_setting(run: Run, tmp_path: Path) -> None:
    text = run("config", "--help", cwd=tmp_path).out
    for key in ("cache.dir", "core.remote", "remote.NAME.endpoint_url"):
        assert key in text
