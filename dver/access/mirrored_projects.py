"""The projects of another repository at one commit: read from a mirror, with the settings of that commit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.access.addresses import directory_of_url
from dver.config import Config, ConfigPaths
from dver.core.errors import RepositoryError, UsageError
from dver.core.phrasing import quoted
from dver.git.file_changes import files_of, glob
from dver.git.git_repo import CommitId
from dver.git.mirror import GitMirror
from dver.git.network import shown_url
from dver.git.pointers import PATTERNS, most_bytes, read_blobs
from dver.repo import PROJECT_DIR, Repository
from dver.repo.remotes import Remotes

if TYPE_CHECKING:
    from dver.remote.settings import RemoteSettings

_DIRECTORY: Final = os.fsencode(PROJECT_DIR)
_CONFIG: Final = _DIRECTORY + b"/config.toml"
_READ: Final = (*PATTERNS, b"**/" + _DIRECTORY + b"/*")
"""What is read of every commit, and is fetched together."""


class MirroredProject(Repository):
    """A project in the directory `prefix` of a mirrored repository. `content` is its config at the commit in use.

    Its worktree does not exist. Its index database is in the mirror, and its store stays empty.
    """

    def __init__(self, mirror: GitMirror, prefix: bytes, content: bytes) -> None:
        super().__init__(mirror.directory / os.fsdecode(prefix), mirror.git)
        # Only here: a plain project reads its files when a setting is first needed.
        paths = ConfigPaths.of(self.root, self.git.common_dir)
        self.config = Config.of_commit(paths, content)
        source = directory_of_url(mirror.url)
        base = None if source is None else source.parent if source.name == ".git" else source
        self.remotes = MirroredRemotes(self, mirror.url, base and base / os.fsdecode(prefix))


@dataclass(frozen=True, slots=True)
class MirroredRemotes(Remotes):
    """The remotes of a mirrored project. A relative directory starts at `base`, where the repository itself is."""

    source: str
    base: Path | None

    def settings(self, name: str | None = None) -> RemoteSettings:
        """See `Remotes`."""
        from dver.remote.backends.connect import is_relative

        names = self._repo.config.remote_names
        if name is not None and name not in names:
            raise UsageError(
                f"{shown_url(self.source)} has no remote {name!r}",
                why=f"its remotes are: {', '.join(names) or 'none'}",
                fix="leave --remote out for the default remote",
            )
        if name is None and not names:
            raise RepositoryError(
                f"{shown_url(self.source)} has no remote",
                why="its settings at this commit name none, so its data is in its clones only",
                fix="in a clone of it: dver remote add -d origin URL && dver push, then commit .dver/config.toml",
            )
        found = Remotes.settings(self, name)
        if is_relative(found.url) and self.base is None:
            raise RepositoryError(
                f"the remote {found.name!r} of {shown_url(self.source)} is a directory beside its clones: {found.url}",
                why="only a clone at the right place can reach it",
                fix=f"git clone {quoted(shown_url(self.source))}, or choose another remote with --remote",
            )
        return found

    def _base_of(self, settings: RemoteSettings) -> Path:
        return self.base or Path("/")


def mirrored_projects(mirror: GitMirror, commit: CommitId) -> Mapping[bytes, MirroredProject]:
    """The projects of a commit by directory. Fetches their settings, and all pointers and locks, together."""
    files = {one.path: one.new for one in files_of(mirror.git, commit, glob(b"", _READ)) if one.new is not None}
    mirror.fetch_blobs(files.values())
    prefixes = {path.rpartition(_DIRECTORY + b"/")[0].rstrip(b"/") for path in files if _is_of_project(path)}
    configs = {prefix: files.get(os.path.join(prefix, _CONFIG)) for prefix in sorted(prefixes)}
    contents = read_blobs(mirror.git, filter(None, configs.values()), most_bytes(()))
    return {
        prefix: MirroredProject(mirror, prefix, contents[blob] if blob else b"") for prefix, blob in configs.items()
    }


def _is_of_project(path: bytes) -> bool:
    return os.path.basename(os.path.dirname(path)) == _DIRECTORY
