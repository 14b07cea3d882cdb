"""A pull request with a retrained model: its branch is the commit of the experiment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dver.ci.hosts.job import CiJob, read_job
from dver.ci.hosts.pull_requests import PullRequestDraft, open_pull_request
from dver.core.errors import RepositoryError, UsageError
from dver.git.branches import default_branch
from dver.git.git_repo import CommitId
from dver.git.remotes.ref_exchange import push_ref, remote_ref
from dver.gitflow.registry_changes import default_git_remote
from dver.pipelines.definition.promotion_rule import PromotionVerdict, RuleCondition
from dver.repo import Repository


@dataclass(frozen=True, slots=True)
class ProposedVersion:
    """The version that a pull request is about."""

    artifact: str
    version: str
    commit: CommitId
    stage: str
    before: str | None
    """The version in the stage."""
    verdict: PromotionVerdict
    data: tuple[str, ...]
    experiment: str


def job_for_pull_requests() -> CiJob:
    """The job that may open pull requests. Raises UsageError outside of CI, before anything is done."""
    if not any(os.environ.get(name) for name in ("GITHUB_REPOSITORY", "CI_PROJECT_ID")):
        raise UsageError(
            "--pr needs a CI job of GitHub or GitLab",
            why="neither GITHUB_REPOSITORY nor CI_PROJECT_ID is set",
            fix="write a job with `dver ci init github --retrain`, or retrain without --pr",
        )
    return read_job(os.environ)


def branch_of(artifact: str, version: str) -> str:
    """The branch for a version of an artifact."""
    return f"retrain/{artifact.replace(':', '/')}-{version}"


def propose(repo: Repository, proposed: ProposedVersion, job: CiJob, git_remote: str | None) -> str:
    """Push the branch and open the pull request. Returns its URL; both exist once, however often this is called.

    Raises RemoteError, and RepositoryError if no branch can be merged into.
    """
    base = job.branch or default_branch(repo.git)
    if not base:
        raise RepositoryError(
            "no branch to merge into", why="HEAD is on no branch", fix="git switch main, and run the same command again"
        )
    remote, branch = default_git_remote(repo.git, git_remote), branch_of(proposed.artifact, proposed.version)
    ref = f"refs/heads/{branch}"
    before = remote_ref(repo.git, remote, ref)
    if before != proposed.commit:
        push_ref(repo.git, remote, ref, proposed.commit, before=before)
    title = f"Retrain {proposed.artifact}: {proposed.version}"
    return open_pull_request(job, PullRequestDraft(branch, base, title, _body(proposed)))


def _body(proposed: ProposedVersion) -> str:
    verdict = "The rule promotes it." if proposed.verdict.promote else "The rule does not promote it."
    current = f"`{proposed.before}` is" if proposed.before else "No version is"
    data = ", ".join(f"`{_code(one)}`" for one in proposed.data)
    lines = [
        f"Experiment `{proposed.experiment}` trained `{proposed.artifact}` {proposed.version}"
        + (f" on new data in {data}." if data else "."),
        f"{current} in `{proposed.stage}`. {verdict}",
        "",
        *(_condition(one) for one in proposed.verdict.conditions),
        "",
        "After the merge:",
        "",
        f"    dver model assign {proposed.artifact} {proposed.stage} {proposed.version} --push",
        "",
    ]
    return "\n".join(lines)


def _condition(condition: RuleCondition) -> str:
    return f"- `{_code(condition.text)}` {condition.answer}: `{_code(condition.found)}`"


def _code(text: str) -> str:
    """Text between backticks."""
    return " ".join(text.replace("`", "'").split())
