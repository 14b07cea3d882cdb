"""Trust in values of the project's file that reach out of the repository, or onto the network.

That file comes with every commit that is checked out, from whomever. What it says of the project counts at once. Where
data is stored, who may write there, and what Git's hooks contact, the user has to accept first: each value once, in
each clone. What was accepted is noted beside the clone's own settings, which Git never sees.
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
    """The values that were accepted, by their keys."""

    values: Mapping[str, tuple[Value, ...]]

    def covers(self, key: str, value: Value) -> bool:
        """Was this very value accepted?"""
        return any(type(one) is type(value) and one == value for one in self.values.get(key, ()))

    def plus(self, settings: Iterable[tuple[str, Value]]) -> Trust:
        """With `settings`, too."""
        values = dict(self.values)
        for key, value in settings:
            if not Trust(values).covers(key, value):
                values[key] = (*values.get(key, ()), value)
        return Trust(values)

    def without(self, keys: Iterable[str]) -> Trust:
        """With no value of `keys`."""
        gone = set(keys)
        return Trust({key: values for key, values in self.values.items() if key not in gone})


def is_address(key: str) -> bool:
    """Does `key` say where a remote is? Such a setting counts without trust, but not in hooks."""
    section, _, rest = key.partition(".")
    name, _, setting = rest.partition(".")
    return section == "remote" and bool(REMOTE_NAME.fullmatch(name)) and setting in _ADDRESSES


def addresses_of(remote: str) -> tuple[str, ...]:
    """The keys that say where `remote` is."""
    return tuple(f"remote.{remote}.{setting}" for setting in _ADDRESSES)


def needs_trust(key: str, value: object, *, root: Path, common_dir: Path) -> bool:
    """Does this setting of the project at `root` reach out of the repository, or onto the network?"""
    if key == "cache.dir":
        return _leads_outside(str(value), root, common_dir)
    if key == "cache.shared":
        return value != "no"
    if key == "hooks.fetch":
        return value is True
    if not is_address(key):
        return False
    return "://" in str(value) or key.endswith("endpoint_url") or _leads_outside(str(value), root, common_dir)


def read_trust(folder: Path) -> Trust:
    """What was accepted in the clone that keeps its files in `folder`. A file that cannot be read accepts nothing."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Trust({})
    return Trust(_values(found))


def write_trust(folder: Path, trust: Trust) -> None:
    """Note `trust` in the clone that keeps its files in `folder`."""
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
    # A linked worktree is not where relative paths start, so ones that only its name brings back count as outside.
    if os.path.normpath(path).split(os.sep)[0] == os.pardir:
        return True
    # Links are followed: one of them may be in the commit as well.
    place = Path(os.path.realpath(root / os.path.expanduser(path)))
    inside = place.is_relative_to(os.path.realpath(root))
    return not inside or place.is_relative_to(os.path.realpath(common_dir))
