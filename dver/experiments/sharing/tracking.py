"""The published journals of a Git remote, and what this clone knows of them."""

from __future__ import annotations

from dataclasses import dataclass

from dver.experiments.journal import LOCAL, PREFIX, REMOTES
from dver.git.git_repo import CommitId, GitRepo, run
from dver.git.journal import journal_tips
from dver.git.remotes.ref_exchange import fetch_refs, push_ref, remote_ref


@dataclass(frozen=True, slots=True)
class PublishedJournals:
    """The journals on the Git remote `remote`, as of the last fetch, and the one of `writer` as it is now."""

    git: GitRepo
    remote: str
    writer: str

    @property
    def ref(self) -> str:
        """The ref of the own journal on the remote."""
        return PREFIX + self.writer

    @property
    def tracking_ref(self) -> str:
        """The ref of the own journal in this clone."""
        return f"{REMOTES}{self.remote}/{self.writer}"

    def update_own(self) -> CommitId | None:
        """Ask the remote for its own journal, fetch it if it is unknown, and return its last entry.

        None if the remote has no such journal. Raises RemoteError, RepositoryError.
        """
        tip = remote_ref(self.git, self.remote, self.ref)
        if tip is None or tip == self._own_tip():
            return tip
        fetch_refs(self.git, self.remote, [f"+{self.ref}:{self.tracking_ref}"])
        return self._own_tip()

    def publish(self, tip: CommitId, *, before: CommitId | None) -> None:
        """Point the own journal on the remote to `tip`, if it is at `before` now. Raises RefMovedError, RemoteError."""
        push_ref(self.git, self.remote, self.ref, tip, before=before)
        run(self.git, ["update-ref", self.tracking_ref, tip])

    def fetch(self, *, prune: bool = False) -> None:
        """Fetch all journals of the remote. With `prune`, those that it no longer has are forgotten.

        Raises RemoteError, RepositoryError.
        """
        # The remote may be a clone, with journals that it has not published, or only fetched.
        own = [f"^{LOCAL}*", f"^{REMOTES}*"]
        fetch_refs(self.git, self.remote, [f"+{PREFIX}*:{REMOTES}{self.remote}/*", *own], prune=prune)

    def tips(self) -> dict[str, CommitId]:
        """The last entries of the journals in this clone, by writer."""
        prefix = f"{REMOTES}{self.remote}/"
        found = journal_tips(self.git, prefix)
        return {ref.removeprefix(prefix): tip for ref, tip in found.items() if "/" not in ref.removeprefix(prefix)}

    def _own_tip(self) -> CommitId | None:
        return journal_tips(self.git, self.tracking_ref).get(self.tracking_ref)
