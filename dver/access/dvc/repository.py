"""Opens the files of a DVC repository at one commit, read from a mirror."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dver.access.addresses import directory_of_url
from dver.access.dvc.files import DvcRepositoryFiles
from dver.access.dvc.outputs import DvcOutput, outputs_of
from dver.access.dvc.remotes import DvcRemotes
from dver.access.files import Files
from dver.access.git_files import files_of_commit
from dver.core.errors import MissingObjectError
from dver.formats.lock import MAX_SIZE
from dver.git.mirror import GitMirror
from dver.git.network import shown_url
from dver.git.pointers import read_blobs

if TYPE_CHECKING:
    from dver.remote.storage import Storage

_CONFIG: Final = b".dvc/config"
_NAMES: Final = frozenset({b"dvc.lock", b"dvc.yaml"})


def with_dvc_outputs(git_files: Files, mirror: GitMirror, commit: str) -> Files:
    """`git_files` with the outputs that DVC tracks at `commit`; `git_files` itself without a project of DVC."""
    listed = files_of_commit(mirror.git, commit)
    configs = [path for path in listed if path == _CONFIG or path.endswith(b"/" + _CONFIG)]
    if not configs:
        return git_files
    chosen = [*configs, *(path for path in listed if _is_read(path))]
    mirror.fetch_blobs(listed[path].blob for path in chosen)
    contents = read_blobs(mirror.git, (listed[path].blob for path in chosen), MAX_SIZE)
    files = {os.fsdecode(path): contents[listed[path].blob] for path in chosen}
    outputs = {path: one for path, one in outputs_of(files).items() if os.fsencode(path) not in listed}
    return DvcRepositoryFiles(git_files, outputs, DvcProjects(mirror, map(os.fsdecode, configs), files).connect)


def _is_read(path: bytes) -> bool:
    name = os.path.basename(path)
    return name in _NAMES or (name.endswith(b".dvc") and name != b".dvc")


class DvcProjects:
    """The projects of a DVC repository by directory, each with its remotes."""

    def __init__(self, mirror: GitMirror, configs: Iterable[str], files: Mapping[str, bytes]) -> None:
        self._url = mirror.url
        self._remotes = {_project(path): DvcRemotes.parse(_user_config(), files[path]) for path in configs}

    def connect(self, output: DvcOutput) -> Sequence[Storage]:
        """The storages that may have `output`: the cache of a repository on this machine, and its remote."""
        from dver.remote.backends.directory import DirectoryStorage

        project = max((one for one in self._remotes if _contains(one, output.path)), key=len, default="")
        directory = directory_of_url(self._url)
        base = None if directory is None else directory / project / ".dvc"
        cache = None if base is None else base / "cache"
        local = [DirectoryStorage(cache)] if cache is not None and cache.is_dir() else []
        try:
            remotes = self._remotes.get(project, DvcRemotes())
            return [*local, remotes.connect(output.remote, base=base, source=shown_url(self._url))]
        except MissingObjectError:
            if local:
                return local
            raise


def _project(config: str) -> str:
    return config.removesuffix(os.fsdecode(_CONFIG)).rstrip("/")


def _contains(project: str, path: str) -> bool:
    return not project or path.startswith(project + "/")


def _user_config() -> bytes:
    """The user's own settings of DVC, such as credentials of remotes."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    try:
        return Path(home, "dvc", "config").read_bytes()
    except OSError:
        return b""
