"""`metrics.json`: the latest value of each metric, and the step."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from dver.core.errors import ConflictError
from dver.core.files import temporary_name

FILE: Final = "metrics.json"
STEP: Final = "step"
_SHARE: Final = 0.02
"""The part of the time of a run that writing may take. Replacing a file costs a millisecond on many file systems."""
_BURST: Final = 0.05
"""The seconds that writing may take at once, after a pause."""

_Name = tuple[str, ...]
_Slots = dict[_Name, tuple[dict[str, Any], str]]


class Summary:
    """The latest values. Slashes in names nest: `train/loss` is `{"train": {"loss": …}}`."""

    def __init__(self, folder: Path, step: int = -1, values: Mapping[_Name, Any] | None = None) -> None:
        self.step = step
        self._path = folder / FILE
        self._temporary = folder / temporary_name()
        self._values = dict(values or {})
        self._due = False
        self._last, self._credit = time.monotonic(), _BURST
        self._arrange()

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The summary that an earlier run wrote to `folder`; None without one.

        Raises ConflictError for a file that `dver.live` did not write.
        """
        try:
            found = json.loads((folder / FILE).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict) or type(step := found.pop(STEP, None)) is not int:
            raise ConflictError(
                f"{os.fspath(folder / FILE)!r} was not written by dver.live",
                why=f"it has no {STEP!r}",
                fix='log to another directory: live.run("live-2")',
            )
        return cls(folder, step, dict(_flat(found, ())))

    def update(self, step: int, values: Mapping[_Name, Any]) -> None:
        """Set the latest values and the step, and write them, or leave that to the next call where calls are frequent.

        The first value of a metric is written at once, so that the file always names all metrics.
        """
        self.step = step
        self._due = True
        known = len(self._values)
        self._values.update(values)
        is_new = len(self._values) > known
        if is_new:
            self._arrange()
        for name, value in values.items():
            holder, key = self._slots[name]
            holder[key] = value
        now = time.monotonic()
        self._credit = min(_BURST, self._credit + (now - self._last) * _SHARE)
        self._last = now
        if is_new or self._credit > 0:
            self.write()
            self._credit -= time.monotonic() - now

    def write(self) -> None:
        """Replace the file, if values are not written yet. A reader sees the old file or the new one."""
        if not self._due:
            return
        content = json.dumps({**self._tree, STEP: self.step}, indent=2) + "\n"
        try:
            # Not synced: after a power cut, the rows of all metrics are the better source.
            fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            with open(fd, "w", encoding="ascii") as file:
                file.write(content)
            os.replace(self._temporary, self._path)
        except BaseException:
            with suppress(OSError):
                os.unlink(self._temporary)
            raise
        self._due = False

    @property
    def values(self) -> Mapping[_Name, Any]:
        """The latest values by the parts of their names."""
        return self._values

    def _arrange(self) -> None:
        self._tree, self._slots = _arranged(self._values, reserved=(STEP,))


def nested(values: Mapping[_Name, Any]) -> dict[str, Any]:
    """A tree of the values by the parts of their names, as `metrics.json` has it."""
    return _arranged(values)[0]


def _arranged(values: Mapping[_Name, Any], *, reserved: _Name | None = None) -> tuple[dict[str, Any], _Slots]:
    """The tree, and where in it each value is. Below a metric `loss`, `loss/val` is a key with a slash: a value has no
    keys."""
    tree: dict[str, Any] = {}
    slots: _Slots = {}
    leaves = {*values, *([reserved] if reserved else [])}
    for name, value in values.items():
        stem = next((at for at in range(len(name) - 1) if name[: at + 1] in leaves), len(name) - 1)
        holder = tree
        for part in name[:stem]:
            holder = holder.setdefault(part, {})
        key = "/".join(name[stem:])
        slots[name] = (holder, key)
        holder[key] = value
    return tree, slots


def _flat(values: Mapping[str, Any], above: _Name) -> Iterator[tuple[_Name, Any]]:
    for key, value in values.items():
        name = (*above, *key.split("/"))
        if isinstance(value, dict):
            yield from _flat(value, name)
        else:
            yield name, value
