"""The effective settings, from three files and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dver.config.schema import (
    BY_KEY,
    DEFAULTS,
    KEYS,
    REMOTE_NAME,
    SCOPES,
    USER_KEYS,
    Origin,
    Scope,
    Value,
    did_you_mean,
    parse_duration,
    parse_size,
    parse_value,
    spec_of,
)
from dver.config.toml_files import parse_toml, read_file
from dver.config.trust import addresses_of, is_address, needs_trust, read_trust
from dver.core.display import Displayed
from dver.core.errors import RepositoryError, UsageError
from dver.core.remote_schema import problem_with

_OF_STORE: Final = frozenset({"cache.dir", "cache.shared"})


@dataclass(frozen=True, slots=True)
class ConfigPaths:
    """The paths of the files. `root` is the project's directory; relative paths in the files start there."""

    root: Path
    global_file: Path
    project_file: Path
    local_file: Path

    @classmethod
    def of(cls, root: Path, common_dir: Path, environ: Mapping[str, str] = os.environ) -> ConfigPaths:
        """The standard paths for the project at `root` in the clone with the common Git directory `common_dir`."""
        home = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return cls(
            root, Path(home, "dver", "config.toml"), root / ".dver" / "config.toml", common_dir / "dver" / "config.toml"
        )

    def file(self, scope: Scope) -> Path:
        """The file of `scope`."""
        return {"global": self.global_file, "project": self.project_file, "local": self.local_file}[scope]


@dataclass(frozen=True, slots=True, repr=False)
class Setting(Displayed):
    """A setting and its origin."""

    key: str
    value: Value
    origin: Origin
    secret: bool
    trusted: bool = True
    """False for a value of the project's config that reaches outside the repository and is not trusted."""


@dataclass(frozen=True, slots=True)
class Config:
    """The effective settings."""

    root: Path
    _items: Mapping[str, Setting]
    ignored: tuple[Setting, ...] = ()
    """Settings of the project's config that have no effect, since they are not trusted."""

    @classmethod
    def load(
        cls, paths: ConfigPaths, environ: Mapping[str, str] = os.environ, *, scopes: Sequence[Scope] = SCOPES
    ) -> Config:
        """Read the existing files of `scopes`.

        Raises RepositoryError for an invalid file, with its line or key. Does not check the settings of remotes:
        `dver.remote.settings.parse` does when one is used.
        """
        items = {key: Setting(key, value, "default", secret=False) for key, value in DEFAULTS.items()}
        ignored: list[Setting] = []
        for scope in scopes:
            for key, value in _flatten(read_file(paths.file(scope)), paths.file(scope)):
                item = _accept(paths, scope, key, value)
                if item.trusted or is_address(key):
                    items[key] = item
                else:
                    ignored.append(item)
        items.update((item.key, item) for item in _from_environment(environ))
        return cls(paths.root, items, tuple(ignored))

    @classmethod
    def load_user(cls, environ: Mapping[str, str] = os.environ) -> Config:
        """Read the user's own settings, outside of any project."""
        return cls.load(ConfigPaths.of(Path(), Path(), environ), environ, scopes=("global",))

    @classmethod
    def of_commit(cls, paths: ConfigPaths, content: bytes, environ: Mapping[str, str] = os.environ) -> Config:
        """The settings for reading a commit of another repository, whose project config is `content`.

        Of that, only the remotes and the default remote count. Of the user's own settings, the store does not.
        """
        user = {key: item for key, item in cls.load_user(environ)._items.items() if key not in _OF_STORE}
        found = _flatten(parse_toml(paths.project_file, content), paths.project_file)
        chosen = [(key, value) for key, value in found if key.startswith("remote.") or key == "core.remote"]
        items = {key: _accept(paths, "project", key, value) for key, value in chosen}
        defaults = {key: Setting(key, value, "default", secret=False) for key, value in DEFAULTS.items()}
        return cls(paths.root, {**defaults, **user, **items})

    def get(self, key: str) -> Value | None:
        """The value of `key`, its default, or None. Raises UsageError for an unknown key."""
        spec_of(key)
        item = self._items.get(key)
        return item.value if item else None

    def origin(self, key: str) -> Origin:
        """The origin of the value of `key`."""
        spec_of(key)
        item = self._items.get(key)
        return item.origin if item else "default"

    def items(self) -> list[Setting]:
        """All settings that have a value, sorted by key."""
        return [self._items[key] for key in sorted(self._items)]

    @property
    def untrusted(self) -> list[Setting]:
        """Values of the project's config that wait for trust, sorted by key: ignored settings, and addresses that hooks
        do not contact."""
        addresses = [item for item in self._items.values() if not item.trusted]
        return sorted((*self.ignored, *addresses), key=lambda item: item.key)

    def untrusted_addresses(self, remote: str) -> list[Setting]:
        """The settings with the address of `remote` that are not trusted."""
        found = (self._items.get(key) for key in addresses_of(remote))
        return [item for item in found if item is not None and not item.trusted]

    def refuse_untrusted(self, remote: str) -> None:
        """Raises RepositoryError if the address of `remote` comes from a commit and is not trusted."""
        untrusted = self.untrusted_addresses(remote)
        if untrusted:
            values = ", ".join(str(one.value) for one in untrusted)
            raise RepositoryError(
                f"the address of the remote {remote!r} is not trusted: {values}",
                why="it comes from .dver/config.toml in a commit, and this clone has never used or trusted it",
                fix=f"dver config trust {' '.join(one.key for one in untrusted)}",
            )

    @property
    def remote_names(self) -> list[str]:
        """The names of all remotes, sorted."""
        return sorted({key.split(".")[1] for key in self._items if key.startswith("remote.")})

    def remote_table(self, name: str) -> dict[str, object]:
        """The settings of the remote `name`, by short name. Raises UsageError for an unknown remote."""
        prefix = f"remote.{name}."
        table: dict[str, object] = {
            key.removeprefix(prefix): item.value for key, item in self._items.items() if key.startswith(prefix)
        }
        if not table:
            fix = did_you_mean(name, self.remote_names) or f"add it: dver remote add {name} URL"
            raise UsageError(f"no remote is called {name!r}", why=_known(self.remote_names), fix=fix)
        return table

    @property
    def cache_dir(self) -> Path | None:
        """`cache.dir` with `~` expanded; may be relative."""
        value = self.get("cache.dir")
        return None if value is None else Path(str(value)).expanduser()

    @property
    def cache_link(self) -> str:
        """`cache.link`: one of auto, reflink, hardlink, symlink, copy."""
        return str(self.get("cache.link"))

    @property
    def cache_shared(self) -> str:
        """`cache.shared`: one of no, group, all."""
        return str(self.get("cache.shared"))

    @property
    def gc_grace(self) -> int:
        """`gc.grace`, in seconds."""
        return parse_duration(str(self.get("gc.grace")))

    @property
    def checks_plugins(self) -> bool:
        """`checks.plugins`."""
        return bool(self.get("checks.plugins"))

    @property
    def hooks_fetch(self) -> bool:
        """`hooks.fetch`."""
        return bool(self.get("hooks.fetch"))

    @property
    def adds_at_commit(self) -> bool:
        """Whether `hooks.pre_commit` is `add`."""
        return self.get("hooks.pre_commit") == "add"

    @property
    def max_file_size(self) -> int:
        """`hooks.max_file_size`, in bytes."""
        return parse_size(str(self.get("hooks.max_file_size")))

    @property
    def private_columns(self) -> frozenset[str]:
        """The names in `profile.private`."""
        names = str(self.get("profile.private") or "").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    @property
    def verifies_fully(self) -> bool:
        """Whether `access.verify` is `full`."""
        return self.get("access.verify") == "full"

    @property
    def user_cache_size(self) -> int:
        """`user_cache.size`, in bytes."""
        return parse_size(str(self.get("user_cache.size")))

    @property
    def default_remote(self) -> str | None:
        """`core.remote`, or the only remote."""
        value = self.get("core.remote")
        if value is None and len(self.remote_names) == 1:
            return self.remote_names[0]
        return None if value is None else str(value)

    @property
    def jobs(self) -> int | None:
        """`core.jobs`; None leaves the choice to the operation."""
        value = self.get("core.jobs")
        return None if value is None else int(value)


def _flatten(table: Mapping[str, Any], path: Path) -> Iterator[tuple[str, object]]:
    for section, settings in table.items():
        if not isinstance(settings, dict):
            raise _unusable(path, section, "it is outside a [section]")
        if section == "remote":
            yield from _flatten_remotes(settings, path)
        else:
            yield from ((f"{section}.{name}", value) for name, value in settings.items())


def _flatten_remotes(remotes: Mapping[str, Any], path: Path) -> Iterator[tuple[str, object]]:
    for remote, settings in remotes.items():
        if not isinstance(settings, dict) or not REMOTE_NAME.fullmatch(remote):
            raise _unusable(path, f"remote.{remote}", "settings of a remote belong into [remote.NAME]")
        yield from ((f"remote.{remote}.{name}", value) for name, value in settings.items())


def _accept(paths: ConfigPaths, scope: Scope, key: str, value: Any) -> Setting:
    """Check a setting of a file. Unknown settings of remotes are accepted here, and checked when the remote is used."""
    path = paths.file(scope)
    if key.startswith("remote."):
        spec = BY_KEY.get(f"remote.NAME.{key.split('.', 2)[2]}")
        if spec is not None and spec.secret and scope != "local":
            raise _misplaced_secret(path, scope, key)
        trusted = _is_trusted(paths, scope, key, value)
        return Setting(key, value, scope, secret=spec is not None and spec.secret, trusted=trusted)
    try:
        problem = problem_with(spec_of(key), value)
    except UsageError as error:
        raise _unusable(path, key, error.why or "unknown setting", error.fix) from error
    if problem is not None:
        raise _unusable(path, key, f"expected {problem}, not {value!r}")
    if key in USER_KEYS and scope != "global":
        raise _unusable(path, key, "it is a setting of each user", f"dver config set --global {key} {value}")
    return Setting(key, value, scope, secret=False, trusted=_is_trusted(paths, scope, key, value))


def _is_trusted(paths: ConfigPaths, scope: Scope, key: str, value: Any) -> bool:
    if scope != "project":
        return True
    own_folder = paths.local_file.parent
    if not needs_trust(key, value, root=paths.root, common_dir=own_folder.parent):
        return True
    return read_trust(own_folder).covers(key, value)


def _unusable(path: Path, key: str, why: str, fix: str | None = None) -> RepositoryError:
    return RepositoryError(f"{path}: cannot use {key!r}", why=why, fix=fix or "edit the file")


def _misplaced_secret(path: Path, scope: Scope, key: str) -> RepositoryError:
    why = "everybody who can read the repository can read it" if scope == "project" else "it is for one clone only"
    return RepositoryError(
        f"{path} contains the secret {key!r}",
        why=why,
        fix=f"remove that line, change the secret, and keep it in this clone: dver config set --local {key} VALUE",
    )


def _from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    for spec in KEYS:
        variable = "DVER_" + spec.name.upper().replace(".", "_")
        text = environ.get(variable)
        if text:
            yield Setting(spec.name, parse_value(variable, spec, text), "environment", secret=False)


def _known(names: list[str]) -> str:
    return f"the remotes are: {', '.join(names)}" if names else "there are no remotes yet"
