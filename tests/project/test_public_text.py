"""The secret filter of a project knows its directory, its secret settings and secrets in the environment."""

from __future__ import annotations

from pathlib import Path

from support import Run, make_git_repo

from dver.ops.setup.config import set_setting
from dver.project.public_text import secret_filter
from dver.repo import Repository


def test_the_filter_knows_the_secrets_and_the_directory_of_a_project(tmp_path: Path, run: Run) -> None:
    top = make_git_repo(tmp_path / "churn")
    run("init", cwd=top)
    set_setting(top, "remote.store.url", "s3://bucket/churn")
    set_setting(top, "remote.store.secret_access_key", "local-secret", scope="local")
    environ = {"DB_PASSWORD": "hunter2-hunter2", "REGION": "europe-west9", "COLUMNS": "123456"}
    with Repository.open(top) as repo:
        public = secret_filter(repo, environ, variables=["REGION", "UNSET"])
    text = f"{top}/data: local-secret hunter2-hunter2 europe-west9 123456 s3://bucket/churn"
    assert public.text(text) == "data: *** *** *** 123456 s3://bucket/churn"
