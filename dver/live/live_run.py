"""Runs that log: one object for each run of a training program."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

from dver.core.errors import ConflictError, UsageError
from dver.core.files import clear_leftovers, delete_any, explain, write_atomic
from dver.core.platform import filelock
from dver.live import images, series, summary
from dver.live.live_values import number, parameter, step_number
from dver.live.metric_names import name_parts

_PARAMS: Final = "params.yaml"
_ARTIFACTS: Final = "artifacts.yaml"
_OF_ONE_RUN: Final = (summary.FILE, _PARAMS, _ARTIFACTS, series.FOLDER, images.FOLDER)
"""What a new run removes in its directory."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_open: weakref.WeakValueDictionary[str, LiveRun] = weakref.WeakValueDictionary()
"""The open runs of this process by directory. In a notebook, a cell that is run again ends its run of the last time."""


def run(path: str | os.PathLike[str] = "live", *, resume: bool = False) -> LiveRun:
    """Log to a directory while a program runs.

    A new run removes what an earlier run logged there, and nothing else.

    Args:
        path: The directory, relative to the current directory.
        resume: Keep what an earlier run logged, and go on at its last step.

    Raises:
        ConflictError: Another process logs to the directory, or another program wrote its `metrics.json`.
    """
    return LiveRun(path, resume=resume)


def _exclusive(method: Callable[Concatenate[LiveRun, _P], _T]) -> Callable[Concatenate[LiveRun, _P], _T]:
    """Run a method in one thread at a time, and raise its file errors as errors of dver."""

    @wraps(method)
    def locked(self: LiveRun, /, *args: _P.args, **named: _P.kwargs) -> _T:
        with self._mutex:
            if not self._close.alive:
                raise UsageError("this run is closed", fix="start another one: live.run(resume=True)")
            if os.getpid() != self._process:
                raise UsageError("this run belongs to another process", fix="log in the process that started it")
            try:
                return method(self, *args, **named)
            except OSError as error:
                raise explain(error) from error

    return locked


class LiveRun:
    """A run that logs. Close it, or use it in a `with` statement. All that it logs is in files at once.

    Threads can share it. Values can be numbers, or scalars of NumPy, PyTorch, JAX and TensorFlow.
    """

    def __init__(self, path: str | os.PathLike[str] = "live", *, resume: bool = False) -> None:
        self._folder = folder = Path(os.path.realpath(path))
        self._mutex = threading.RLock()
        self._resumed = resume
        self._series = series.SeriesFiles(folder, resumed=resume)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(folder)
            try:
                self._summary = _prepare(folder, self._series if resume else None)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise explain(error) from error
        self._process = os.getpid()
        self._close = weakref.finalize(self, _release, self._process, lock, self._series, self._summary)
        self._files: dict[str, dict[str, Any]] = {}
        """The content of the YAML files, once read or written."""
        self._parts: dict[str, tuple[str, ...]] = {}
        self._logged: set[tuple[str, ...]] | None = None
        """The metrics of the current step. None before the first step of this process."""
        _open[os.fspath(folder)] = self

    @property
    def step(self) -> int:
        """The last step; -1 before the first one. Continue with `for step in range(run.step + 1, steps)`."""
        return self._summary.step

    @_exclusive
    def log(self, values: Mapping[str, Any] | None = None, /, *, step: Any = None, **metrics: Any) -> None:
        """Log metrics: `log(loss=0.3, step=7)` or `log({"train/loss": 0.3}, step=7)`.

        Args:
            values, metrics: The values by name. They are numbers, or scalars of NumPy, PyTorch, JAX or TensorFlow.
            step: By default, step 0 is the first one, and a metric that the current step has begins the next one.

        Raises:
            UsageError: A value is not a number; nothing is written.
            LocalIOError: The disk is full.
        """
        found = {**(values or {}), **metrics}
        if step is None:
            step = found.pop(summary.STEP, None)
        named = {self._name(name): number(value, name) for name, value in found.items()}
        step = self._step_of(named) if step is None else step_number(step)
        if self._logged is None or step != self._summary.step:
            self._logged = set()
        self._logged.update(named)
        for name, value in named.items():
            self._series.append(name, step, value)
        self._summary.update(step, named)

    @_exclusive
    def params(self, values: Mapping[str, Any] | None = None, /, **params: Any) -> None:
        """Add parameters of the run to `params.yaml`.

        Args:
            values, params: Scalars, lists and mappings by name. Of other values, such as paths, the text is recorded.
        """
        self._add(_PARAMS, parameter({**(values or {}), **params}))

    @_exclusive
    def image(self, name: str, image: Any, *, step: int | None = None) -> Path:
        """Write an image to `plots/images/NAME` and return its path.

        Args:
            name: The name, by default with the suffix `.png`.
            image: A path, an image of PIL, a figure of matplotlib, or an array of bytes or floats in [0, 1] with the
                shape (height, width) or (height, width, 1, 3 or 4).
            step: Keep one image for each step: `plots/images/NAME/STEP.png`.

        Raises:
            UsageError: The image or the suffix of the name is of an unknown kind.
        """
        return images.write_image(self._folder, name, image, None if step is None else step_number(step))

    def artifact(self, path: str | os.PathLike[str]) -> None:
        """Record the size and the BLAKE3 of a file, or of each file in a directory, in `artifacts.yaml`.

        The file is neither copied nor tracked: list it under `outs` of the stage, or use `dver add`.

        Args:
            path: The file or directory.

        Raises:
            UsageError: It cannot be read.
        """
        try:
            found = dict(_described(os.fspath(path)))
        except OSError as error:
            raise UsageError(f"artifact {os.fspath(path)!r} cannot be read", why=error.strerror) from error
        self._add(_ARTIFACTS, found)

    def close(self) -> None:
        """End the run. It can be closed twice."""
        with self._mutex:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _name(self, text: str) -> tuple[str, ...]:
        parts = self._parts.get(text)
        if parts is None:
            parts = self._parts[text] = name_parts(text)
        return parts

    def _step_of(self, named: Mapping[tuple[str, ...], Any]) -> int:
        begins = self._logged is None or not self._logged.isdisjoint(named)
        return self._summary.step + 1 if begins else self._summary.step

    @_exclusive
    def _add(self, file: str, values: Mapping[str, Any]) -> None:
        """Add to a YAML file of this run."""
        import yaml  # slow to import

        path = self._folder / file
        if file not in self._files:
            known = yaml.safe_load(path.read_bytes()) if self._resumed and path.exists() else None
            self._files[file] = known if isinstance(known, dict) else {}
        self._files[file].update(values)
        text = yaml.safe_dump(self._files[file], sort_keys=False, allow_unicode=True)
        write_atomic(path, text.encode("utf-8", "surrogateescape"), durable=False)


def _lock(folder: Path) -> int:
    """Open the directory and lock it until it is closed. Raises ConflictError if another process has locked it."""
    earlier = _open.get(os.fspath(folder))
    if earlier is not None:
        earlier.close()
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        is_free = filelock.try_lock(fd)
    except OSError:  # a file system without locks
        is_free = True
    if not is_free:
        os.close(fd)
        raise ConflictError(
            f"another process logs to {os.fspath(folder)!r}",
            why="rows of two runs would be mixed",
            fix="log in one process only (rank 0), or give each its own directory: live.run(path)",
        )
    return fd


def _prepare(folder: Path, rows: series.SeriesFiles | None) -> summary.Summary:
    """The summary to go on with: that of the earlier run, with the last of its `rows`; without `rows`, a new one."""
    clear_leftovers(folder)
    earlier = summary.Summary.load(folder)
    if earlier is None:
        return summary.Summary(folder)
    if rows is None:
        for file in _OF_ONE_RUN:
            delete_any(folder / file)
        return summary.Summary(folder)
    # A killed run may not have written its last values to the summary yet.
    last = {name: row for name in earlier.values if (row := rows.last_row(name)) is not None}
    newest = max((step for step, _ in last.values()), default=-1)
    if newest > earlier.step:
        earlier.update(newest, {name: value for name, (_, value) in last.items()})
    return earlier


def _release(process: int, lock: int, files: series.SeriesFiles, latest: summary.Summary) -> None:
    try:
        if os.getpid() == process:  # a forked process ends with old values
            latest.write()
    finally:
        files.close()
        os.close(lock)


def _described(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The size and hash of the file `path`, or of each file below it. Raises OSError."""
    from dver.core.hashing import hash_file  # slow to import

    if os.path.isdir(path):
        for name in sorted(os.listdir(path)):
            yield from _described(os.path.join(path, name))
        return
    with open(path, "rb") as file:
        yield path, {"size": os.fstat(file.fileno()).st_size, "blake3": hash_file(file.fileno()).hex()}
