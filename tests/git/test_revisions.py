"""From what a person writes to commits."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git

from dver.core.errors import UsageError
from dver.git.git_repo import GitRepo, discover, run
from dver.git.revisions import commits, head, is_shallow, ref_names, resolve


@pytest.fixture
def repo(git_repo: Path) -> GitRepo:
    """Three commits, `v1` and `v2` (annotated) on the first two, a branch `old` on the first."""
    for number in (1, 2):
        git("tag", *(["-a", "-m", "x"] if number == 2 else []), f"v{number}", cwd=git_repo)
        git("commit", "-q", "--allow-empty", "-m", f"Commit {number}", cwd=git_repo)
    git("branch", "old", "v1", cwd=git_repo)
    return discover(git_repo)


def sha(repo: GitRepo, rev: str) -> str:
    return git("rev-list", "-1", rev, cwd=repo.worktree).strip()


@pytest.mark.parametrize("rev", ["HEAD", "@", "main", "v1", "v2", "HEAD~2", "old", ":/Commit 1", "@{0}", "heads/main"])
def test_revisions_mean_what_they_mean_to_git(repo: GitRepo, rev: str) -> None:
    assert resolve(repo, rev) == sha(repo, rev)


def test_a_shortened_id_will_do(repo: GitRepo) -> None:
    assert resolve(repo, sha(repo, "v1")[:10]) == sha(repo, "v1")


@pytest.mark.parametrize("rev", ["", "-x", "--all", "nope", "HEAD:README", "HEAD~99", "f" * 40, "a..b", "a\0b", "a b"])
def test_what_is_no_commit_is_a_usage_error(repo: GitRepo, rev: str) -> None:
    with pytest.raises(UsageError, match="unknown revision") as error:
        resolve(repo, rev)
    assert error.value.fix


def test_a_typing_mistake_shows_close_matches(repo: GitRepo) -> None:
    with pytest.raises(UsageError) as error:
        resolve(repo, "mian")
    assert error.value.fix == "did you mean main?"


def test_a_shallow_clone_says_how_to_get_the_rest(repo: GitRepo, tmp_path: Path) -> None:
    git("clone", "-q", "--depth=1", repo.worktree.as_uri(), "shallow", cwd=tmp_path)
    shallow = discover(tmp_path / "shallow")
    assert is_shallow(shallow)
    assert not is_shallow(repo)
    assert commits(shallow, all_commits=True) == [sha(repo, "main")]
    with pytest.raises(UsageError) as error:
        resolve(shallow, "v1")
    assert "--unshallow" in (error.value.fix or "")


def test_head_before_the_first_commit_is_none(tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    repo = discover(tmp_path)
    assert head(repo) is None
    assert commits(repo, branches=True, tags=True) == commits(repo, all_commits=True) == []
    with pytest.raises(UsageError, match="no commit yet"):
        resolve(repo, "HEAD")


def test_head_is_found_without_a_process(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sha(repo, "main")
    git("branch", "-q", "sub/branch", cwd=repo.worktree)
    git("checkout", "-q", "sub/branch", cwd=repo.worktree)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        assert head(repo) == expected
    git("pack-refs", "--all", cwd=repo.worktree)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        assert head(repo) == expected
    git("checkout", "-q", "--detach", "v1", cwd=repo.worktree)
    expected = sha(repo, "v1")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert head(repo) == expected


def test_head_through_a_symbolic_ref_is_asked_of_git(repo: GitRepo) -> None:
    git("symbolic-ref", "refs/heads/alias", "refs/heads/old", cwd=repo.worktree)
    git("symbolic-ref", "HEAD", "refs/heads/alias", cwd=repo.worktree)
    assert head(repo) == sha(repo, "old")


def test_a_linked_worktree_has_its_own_head(repo: GitRepo) -> None:
    git("worktree", "add", "-q", "../linked", "old", cwd=repo.worktree)
    linked = discover(repo.worktree.parent / "linked")
    assert head(linked) == sha(repo, "v1")
    assert "main" in ref_names(linked)


def test_branches_and_tags_are_the_commits_they_point_at(repo: GitRepo) -> None:
    git("tag", "blob", "HEAD:README", cwd=repo.worktree)
    assert set(commits(repo, branches=True)) == {sha(repo, "main"), sha(repo, "v1")}
    assert set(commits(repo, tags=True)) == {sha(repo, "v1"), sha(repo, "v2")}
    assert len(commits(repo, branches=True, tags=True)) == 3


def test_all_commits_are_all_that_any_ref_or_a_detached_head_reaches(repo: GitRepo) -> None:
    git("checkout", "-q", "--detach", cwd=repo.worktree)
    git("commit", "-q", "--allow-empty", "-m", "Nameless", cwd=repo.worktree)
    found = commits(repo, all_commits=True)
    assert len(found) == len(set(found)) == 4
    assert sha(repo, "HEAD") in found


def test_named_revisions_come_alone_and_once(repo: GitRepo) -> None:
    assert commits(repo, revs=["main", "HEAD"]) == [sha(repo, "main")]
    assert commits(repo) == []
    with pytest.raises(UsageError):
        commits(repo, revs=["main", "nope"])


def test_refs_are_listed_by_their_short_names(repo: GitRepo) -> None:
    assert sorted(ref_names(repo)) == ["main", "old", "v1", "v2"]


def test_a_typing_mistake_is_understood_in_every_kind_of_repository(repo: GitRepo, tmp_path: Path) -> None:
    git("init", "-q", "--object-format=sha256", "modern", cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "modern")
    git("init", "-q", "outer", cwd=tmp_path)
    git("submodule", "--quiet", "add", str(repo.worktree), "inner", cwd=tmp_path / "outer")
    git("pack-refs", "--all", cwd=tmp_path / "outer/inner")
    for place in (tmp_path / "modern", tmp_path / "outer/inner"):
        with pytest.raises(UsageError) as error:
            resolve(discover(place), "mian")
        assert "main" in (error.value.fix or "")


def test_an_ambiguous_short_id_is_told_so(repo: GitRepo) -> None:
    # Dates are fixed, so ids are too: some of a thousand share their first four digits.
    stream = "".join(f"commit refs/heads/many\ncommitter a <a> {number} +0000\ndata 0\n" for number in range(1000))
    run(repo, ["fast-import", "--quiet"], stdin=stream.encode())
    starts = [commit[:4] for commit in commits(repo, all_commits=True)]
    ambiguous = next(start for start in sorted(starts) if starts.count(start) > 1)
    with pytest.raises(UsageError) as error:
        resolve(repo, ambiguous)
    assert "ambiguous" in (error.value.why or "")


def test_a_broken_ref_does_not_hide_the_others(repo: GitRepo) -> None:
    (repo.common_dir / "refs/heads/broken").write_text("nonsense\n")
    with pytest.raises(UsageError) as error:
        resolve(repo, "mian")
    assert error.value.fix == "did you mean main?"
