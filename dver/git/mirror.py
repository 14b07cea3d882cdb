"""Mirrors of other Git repositories on this machine: bare, without the contents of files until they are needed.

A mirror gets one commit at a time, with its directories but neither its history nor its files. A revision that depends
on the history, such as `main~3`, fetches the history once. Readers need no lock: git adds packs atomically, and nothing
in a mirror is ever deleted.

The tags of the model registry are in a directory of their own, `registry`: tags and their commits without directories.
In the mirror itself, git would take such a commit for a complete one.

The address of the other repository and Git's settings for missing objects are given to git only while it fetches. So a
read of a missing object fails at once, and never contacts the other repository.

A plain web server with the files of a repository has no single commits. Git fetches from it object by object, and would
begin a further fetch for each object that is missing by intention, without end. So a fetch that leaves out files always
limits the depth, which git refuses for such a server. Its mirror is then whole: it has the history and all files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dver.core.errors import DverError, MissingObjectError, UsageError
from dver.core.files import delete_any, temporary_name
from dver.core.oid import Oid
from dver.core.phrasing import join_limited, quoted
from dver.core.worktree_lock import locked
from dver.git.git_repo import CommitId, GitRepo, describe_objects, run
from dver.git.network import GitNetworkFailure, network_error, run_with_network, shown_url

_REMOTE: Final = "dver-source"
_FETCHED: Final = "refs/dver/fetched"
_HEAD: Final = "refs/dver/head"
_ALL_REFS: Final = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", f"+HEAD:{_HEAD}")
_INIT: Final = ("-c", "init.defaultRefFormat=files", "init", "--quiet", "--bare", "--template=")
_FETCH: Final = ("fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no")
_ONE: Final = "--depth=1"
_ALL: Final = "--depth=2147483647"
_PROMISED: Final = {f"remote.{_REMOTE}.promisor": "true", f"remote.{_REMOTE}.partialclonefilter": "blob:none"}
_WHOLE: Final = "whole"
"""The file that marks a mirror with all files."""
_FULL_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ABBREVIATED: Final = re.compile(r"(?:.+-g)?[0-9a-f]{4,64}")
"""An id, or the output of `git describe`."""
_EXPRESSION: Final = re.compile(r"[~^:?*\[\\\s]|@\{|\.\.")
"""In a revision, but not in the name of a branch or a tag."""
_SHA256: Final = 64
_REGISTRY: Final = "registry"

_NO_REF: Final = "couldn't find remote ref"
_BAD_REF: Final = "invalid refspec"
_NO_COMMIT: Final = "not our ref"
_NO_IDS: Final = "unadvertised object"
_NO_DEPTH: Final = "does not support shallow"
_OTHER_FORMAT: Final = "server sha256"
"""What git says when a fetch fails."""
_NO_MATCH: Final = ""
"""Git says nothing if no ref matches a pattern and the depth is limited."""


@dataclass(frozen=True, slots=True)
class GitMirror:
    """The mirror of the Git repository at `url`, in `directory`. Safe among threads and processes."""

    url: str
    directory: Path

    @classmethod
    def of(cls, url: str, cache_dir: Path) -> GitMirror:
        """The mirror of `url` in the user's cache. Creates nothing yet. Raises UsageError for an impossible address."""
        if not url or url.startswith("-") or any(ord(one) < 32 for one in url):
            raise UsageError(f"{url!r} is not the address of a Git repository", fix="use a URL or a directory")
        return cls(url, cache_dir / "mirrors" / Oid.of(os.fsencode(url)).hex()[:16])

    @property
    def git(self) -> GitRepo:
        """The repository, for reading. Nothing that came from the other one is executed, and nothing is fetched."""
        with suppress(FileNotFoundError):
            if b"objectformat = sha256" in (self.directory / "config").read_bytes().lower():
                return GitRepo(self.directory, self.directory, self.directory, "sha256", foreign=True, bare=True)
        return GitRepo(self.directory, self.directory, self.directory, foreign=True, bare=True)

    def resolve(self, rev: str | None = None) -> CommitId:
        """The commit that `rev` names in the other repository, by default its HEAD, and fetch it.

        Contacts the other repository, unless `rev` is the full id of a commit that the mirror has. Raises UsageError
        for an unknown revision, RemoteError and RepositoryError for a repository that cannot be fetched from.
        """
        rev = "HEAD" if rev is None or rev == "@" else rev
        known = self._known(rev) if _FULL_ID.fullmatch(rev) else None
        if known is None:
            with locked(self.directory.with_suffix(".lock")):
                known = self._fetched(rev)
        with suppress(OSError):
            os.utime(self.directory)  # the cache deletes what was not used for the longest time
        return known

    def fetch_blobs(self, ids: Iterable[str]) -> None:
        """Fetch those of Git's blobs `ids` that the mirror does not have, together."""
        missing = self._missing(ids)
        if not missing:
            return
        with locked(self.directory.with_suffix(".lock")):
            asked = "".join(f"{one}\n" for one in self._missing(missing)).encode()
            if asked:
                # Git must not conclude from the commit that the mirror has its files.
                self._fetch(("--stdin",), stdin=asked, settings={"fetch.negotiationAlgorithm": "noop"})
        if still := self._missing(missing):
            raise MissingObjectError(
                f"the Git repository {shown_url(self.url)} did not send the file {still[0][:12]}",
                why="its server has no single files",
                fix=f"git clone {quoted(shown_url(self.url))}",
            )

    def registry(self, artifact: str) -> GitRepo:
        """A repository that has the tags of an artifact of the model registry as they are now. It has no files."""
        with locked(self.directory.with_suffix(".lock")), self._removed_on_error():
            return self._fetch_tags(artifact)

    def tag_names(self) -> list[str]:
        """The names of all tags of the other repository, as they are now. Fetches nothing else."""
        return self._ref_names("--tags")

    # -- commits

    def _fetched(self, rev: str) -> CommitId:
        """The commit `rev`, fetched. The caller holds the lock."""
        if not self._exists:
            with self._removed_on_error("sha256" if len(rev) == _SHA256 and _FULL_ID.fullmatch(rev) else "sha1"):
                return self._fetched(rev)
        if not rev or rev.startswith("-"):
            raise self._unknown(rev)
        is_name = not _EXPRESSION.search(rev)
        found = self._fetched_alone(rev) if is_name else None
        if found is None and (not is_name or _ABBREVIATED.fullmatch(rev)):
            self._fetch_history()
            found = self._known(rev)
        if found is None:
            found = self._registered(rev)
        if found is None:
            raise self._unknown(rev)
        return found

    def _fetched_alone(self, rev: str) -> CommitId | None:
        """The commit of an id, a branch, a tag or HEAD, fetched without its history; None if the server has none."""
        if self._is_whole:
            self._fetch_history()
            return self._known(rev)
        is_id = _FULL_ID.fullmatch(rev)
        # A commit without its parents would cut off the history of a mirror that has it.
        depth = _ALL if (self.directory / _HEAD).exists() else _ONE
        args = ("--filter=blob:none", depth, rev if is_id else f"+{rev}:{_FETCHED}")
        failed = self._fetch(args, settings=_PROMISED, expected=(_NO_REF, _BAD_REF, _NO_COMMIT, _NO_IDS, _NO_DEPTH))
        if failed in (_NO_IDS, _NO_DEPTH):
            self._fetch_history()
            return self._known(rev)
        return None if failed else self._known(rev if is_id else _FETCHED)

    def _registered(self, rev: str) -> CommitId | None:
        """The commit of a version in the model registry, fetched; None for other revisions."""
        from dver.git.registry import references  # takes 5 ms, and Git knows most revisions

        reference = references.reference_in(rev)
        if reference is None:
            return None
        commit = references.commit_of(self._fetch_tags(reference.artifact), rev, url=shown_url(self.url))
        return commit and (self._known(commit) or self._fetched_alone(commit))

    def _fetch_tags(self, artifact: str) -> GitRepo:
        """A repository with the tags of an artifact. The caller holds the lock."""
        tags = GitMirror(self.url, self.directory / _REGISTRY)
        if not tags._exists:
            tags._create(self.git.object_format)
        names = [f"refs/tags/{artifact.replace(':', '=')}{separator}*" for separator in "@#"]
        args = ("--filter=tree:0", _ONE, "--prune", *(f"+{one}:{one}" for one in names))
        failed = None if self._is_whole else tags._fetch(args, settings=_PROMISED, expected=(_NO_DEPTH, _NO_MATCH))
        if self._is_whole or failed == _NO_DEPTH:
            self._fetch_history()
            return self.git
        if failed == _NO_MATCH:  # then git prunes nothing
            gone = run(tags.git, ["for-each-ref", "--format=delete %(refname)", *names])
            run(tags.git, ["update-ref", "--stdin"], stdin=gone)
        if tags.git.object_format != self.git.object_format:  # the first fetch finds out
            self._create(tags.git.object_format)
            return self._fetch_tags(artifact)
        return tags.git

    def _fetch_history(self) -> None:
        """Fetch all branches and tags with their history; files only from a server that cannot leave them out."""
        partial = ("--filter=blob:none", _ALL, "--prune", *_ALL_REFS)
        if not self._is_whole and self._fetch(partial, settings=_PROMISED, expected=(_NO_DEPTH,)):
            delete_any(self.directory)
            self._create("sha1")
            (self.directory / _WHOLE).touch()
        if self._is_whole:
            self._fetch(("--prune", *_ALL_REFS))
        run(self.git, ["update-ref", "--no-deref", "HEAD", _HEAD])

    def _known(self, rev: str) -> CommitId | None:
        """The commit that `rev` names in the mirror, if it is there."""
        if not self._exists:
            return None
        peeled = rev if rev.startswith(":/") else f"{rev}^{{commit}}"
        args = ["rev-parse", "--verify", "--quiet", "--end-of-options", peeled]
        commit = run(self.git, args, ok=(0, 1, 128)).decode().strip()
        is_there = commit and describe_objects(self.git, [commit], "%(objecttype)") == ["commit"]
        return CommitId(commit) if is_there else None

    def _unknown(self, rev: str) -> DverError:
        from difflib import get_close_matches

        names = self._ref_names("--heads", "--tags")
        close = get_close_matches(rev, names, n=3, cutoff=0.6)
        known = f"branches and tags: {join_limited(names)}" if names else "it has no commits yet"
        return UsageError(
            f"unknown revision {rev!r} in {shown_url(self.url)}",
            why="no branch, tag or commit there is called so",
            fix=f"did you mean {' or '.join(close)}?" if close else known,
        )

    def _ref_names(self, *kinds: str) -> list[str]:
        try:
            output = os.fsdecode(self._run(("ls-remote", "--quiet", "--refs", *kinds, _REMOTE)))
        except GitNetworkFailure as error:
            raise network_error(self.url, error) from error
        return [line.partition("\t")[2].split("/", 2)[2] for line in output.splitlines()]

    def _missing(self, ids: Iterable[str]) -> list[str]:
        lines = describe_objects(self.git, dict.fromkeys(ids), "%(objectname)")
        return [line.removesuffix(" missing") for line in lines if line.endswith(" missing")]

    # -- the directory

    @property
    def _exists(self) -> bool:
        return (self.directory / "HEAD").exists()

    @property
    def _is_whole(self) -> bool:
        return (self.directory / _WHOLE).exists()

    @contextmanager
    def _removed_on_error(self, object_format: str = "sha1") -> Iterator[None]:
        """Make the mirror if it does not exist. It is gone after an error: the address may be wrong."""
        if self._exists:
            yield
            return
        self._create(object_format)
        try:
            yield
        except BaseException:
            delete_any(self.directory)
            raise

    def _create(self, object_format: str) -> None:
        """Make an empty mirror. The caller holds the lock."""
        delete_any(self.directory)
        made = self.directory.with_name(temporary_name("mirror"))
        new = GitRepo(self.directory.parent, made, made, bare=True)
        try:
            run(new, [*_INIT, f"--object-format={object_format}", str(made)])
            (made / "description").write_text(shown_url(self.url) + "\n")
            made.rename(self.directory)
        finally:
            delete_any(made)

    # -- the other repository

    def _fetch(
        self,
        args: Sequence[str],
        *,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        expected: Sequence[str] = (),
    ) -> str | None:
        """Run `git fetch`. Returns the one of `expected` that git said as it failed, None if it did not fail."""
        options = [one for one in args if one.startswith("-")]
        refspecs = [one for one in args if not one.startswith("-")]
        try:
            self._run([*_FETCH, *options, _REMOTE, *refspecs], stdin=stdin, settings=settings)
        except GitNetworkFailure as error:
            if _OTHER_FORMAT in error.said and self.git.object_format == "sha1":
                delete_any(self.directory)
                self._create("sha256")
                return self._fetch(args, stdin=stdin, settings=settings, expected=expected)
            said = error.said.strip()
            found = next((one for one in expected if (one in said if one else not said)), None)
            if found is None:
                raise network_error(self.url, error) from error
            return found
        return None

    def _run(self, args: Sequence[str], *, stdin: bytes = b"", settings: Mapping[str, str] | None = None) -> bytes:
        address = {f"remote.{_REMOTE}.url": self.url}
        return run_with_network(
            replace(self.git, foreign=False), args, settings={**address, **(settings or {})}, stdin=stdin
        )
