"""Trust in values of the project's config that reach outside the repository or contact the network.

Every commit may change the project's config. Most settings take effect at once. Settings that select the location of
the store, its permissions, or an address that Git hooks contact need the user's trust: each value once per clone. The
clone records trusted values beside its own config, outside Git.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dver.config.schema import REMOTE_NAME, Value
from dver.core.files import write_atomic

FILE: Final = "trusted.json"
_VERSION: Final = 1
_ADDRESSES: Final = ("url", "endpoint_url")


@dataclass(frozen=True, slots=True)
class Trust:
    """The trusted values of each key."""

    values: Mapping[str, tuple[Value, ...]]

    def covers(self, key: str, value: Value) -> bool:
        """Whether exactly this value is trusted."""
        return any(type(one) is type(value) and one == value for one in self.values.get(key, ()))

    def plus(self, settings: Iterable[tuple[str, Value]]) -> Trust:
        """This trust and `settings`."""
        values = dict(self.values)
        for key, value in settings:
            if not Trust(values).covers(key, value):
                values[key] = (*values.get(key, ()), value)
        return Trust(values)

    def without(self, keys: Iterable[str]) -> Trust:
        """This trust without the values of `keys`."""
        gone = set(keys)
        return Trust({key: values for key, values in self.values.items() if key not in gone})


def is_address(key: str) -> bool:
    """Whether `key` is part of a remote's address. Without trust, such a setting takes effect except in hooks."""
    section, _, rest = key.partition(".")
    name, _, setting = rest.partition(".")
    return section == "remote" and bool(REMOTE_NAME.fullmatch(name)) and setting in _ADDRESSES


def addresses_of(remote: str) -> tuple[str, ...]:
    """The keys of the address of `remote`."""
    return tuple(f"remote.{remote}.{setting}" for setting in _ADDRESSES)


def needs_trust(key: str, value: object, *, root: Path, common_dir: Path) -> bool:
    """Whether this setting of the project at `root` reaches outside the repository or contacts the network."""
    if key == "cache.dir":
        return _leads_outside(str(value), root, common_dir)
    if key == "cache.shared":
        return value != "no"
    if key in ("checks.plugins", "hooks.fetch"):
        return value is True
    if not is_address(key):
        return False
    return "://" in str(value) or key.endswith("endpoint_url") or _leads_outside(str(value), root, common_dir)


def read_trust(folder: Path) -> Trust:
    """The values that the clone with the directory `folder` trusts. An unreadable file trusts nothing."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Trust({})
    return Trust(_values(found))


def write_trust(folder: Path, trust: Trust) -> None:
    """Record `trust` in the clone with the directory `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"version": _VERSION, "trusted": {key: list(trust.values[key]) for key in sorted(trust.values)}}
    write_atomic(folder / FILE, json.dumps(content, indent=2).encode() + b"\n")


def _values(found: Any) -> dict[str, tuple[Value, ...]]:
    if not isinstance(found, dict) or found.get("version") != _VERSION or not isinstance(found.get("trusted"), dict):
        return {}
    return {
        key: tuple(value for value in values if isinstance(value, (str, bool, int)))
        for key, values in found["trusted"].items()
        if isinstance(values, list)
    }


def _leads_outside(path: str, root: Path, common_dir: Path) -> bool:
    # Relative paths do not start at a linked worktree, so a path that leaves and re-enters it counts as outside.
    if os.path.normpath(path).split(os.sep)[0] == os.pardir:
        return True
    # Follow links: the commit may contain some, too.
    place = Path(os.path.realpath(root / os.path.expanduser(path)))
    inside = place.is_relative_to(os.path.realpath(root))
    return not inside or place.is_relative_to(os.path.realpath(common_dir))
