"""The options that `push`, `fetch` and `pull` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dver.tracking.revision_scope import CURRENT, RevisionScope


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """The data to transfer, and how. By default the data of the pointers on disk, to or from its own remotes."""

    scope: RevisionScope = CURRENT
    remote: str | None = None
    """The remote to use instead of the default remote."""
    jobs: int | None = None
    """The number of parallel transfers. None adapts it to the remote."""
    run_cache: bool = False
    """Transfer the whole run cache as well?"""
    dry_run: bool = False


DEFAULTS: Final = TransferOptions()
