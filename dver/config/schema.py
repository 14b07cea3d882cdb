"""The table of settings: their types, valid values and meaning, and the parser of typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, NoReturn

from dver.core.errors import UsageError
from dver.core.remote_schema import SETTINGS, SettingSpec, problem_with

Scope = Literal["global", "project", "local"]
Origin = Literal["default", "global", "project", "local", "environment"]
Value = str | bool | int

SCOPES: Final[tuple[Scope, ...]] = ("global", "project", "local")
"""From the lowest priority to the highest."""

_SIZE: Final = r"[0-9]{1,9}(B|kB|KB|MB|GB|TB)"
_A_SIZE: Final = "a size: a number and B, kB, MB, GB or TB, such as 10MB"

KEYS: Final[tuple[SettingSpec, ...]] = (
    SettingSpec(
        "access.verify",
        str,
        "what reads of parts of large files from a remote verify: the part, or that the whole file was verified once "
        "(only with --global)",
        choices=("ranges", "full"),
    ),
    SettingSpec("cache.dir", str, "the directory of the store, relative to the project; default: in the Git directory"),
    SettingSpec(
        "cache.link",
        str,
        "how to check out large files from the store",
        choices=("auto", "reflink", "hardlink", "symlink", "copy"),
    ),
    SettingSpec(
        "cache.shared",
        str,
        "who else may use the store; sets permissions regardless of the umask",
        choices=("no", "group", "all"),
    ),
    SettingSpec("checks.plugins", bool, "whether suites may run plug-ins: code of the project and of packages"),
    SettingSpec("core.remote", str, "the default remote"),
    SettingSpec("core.jobs", int, "the number of files or transfers to process in parallel", minimum=1),
    SettingSpec(
        "gc.grace",
        str,
        "how long gc keeps removed data in the trash, and condemned data on a remote",
        pattern=r"[0-9]{1,6}[mhdw]",
        expected="a duration: a number and m, h, d or w, such as 14d",
    ),
    SettingSpec("hooks.fetch", bool, "whether Git hooks download missing data of new pointers"),
    SettingSpec(
        "hooks.install",
        bool,
        "whether `dver init` installs Git hooks and drivers, and `dver doctor` checks them",
    ),
    SettingSpec(
        "hooks.max_file_size",
        str,
        "the size from which the pre-commit hook refuses a file in Git",
        pattern=_SIZE,
        expected=_A_SIZE,
    ),
    SettingSpec(
        "hooks.pre_commit",
        str,
        "what the pre-commit hook does with unrecorded changes of data",
        choices=("check", "add"),
    ),
    SettingSpec(
        "parsing.bool",
        str,
        "how `${…}` writes booleans of a mapping in a command: `--name` only, or also `--no-name`",
        choices=("store_true", "boolean_optional"),
    ),
    SettingSpec(
        "parsing.list",
        str,
        "how `${…}` writes lists of a mapping in a command: `--name 1 2` or `--name 1 --name 2`",
        choices=("nargs", "append"),
    ),
    SettingSpec(
        "profile.private",
        str,
        "columns whose values no profile has, such as email,name",
    ),
    SettingSpec(
        "user_cache.size",
        str,
        "the size limit of your cache of objects from remotes; 0B turns it off (only with --global)",
        pattern=_SIZE,
        expected=_A_SIZE,
    ),
)
"""All settings except those of remotes, which are in `dver.core.remote_schema.SETTINGS`."""

DEFAULTS: Final[Mapping[str, Value]] = {
    "access.verify": "ranges",
    "cache.link": "auto",
    "cache.shared": "no",
    "checks.plugins": False,
    "gc.grace": "14d",
    "hooks.fetch": False,
    "hooks.install": True,
    "hooks.max_file_size": "10MB",
    "hooks.pre_commit": "check",
    "parsing.bool": "store_true",
    "parsing.list": "nargs",
    "user_cache.size": "10GB",
}

USER_KEYS: Final = frozenset({"access.verify", "user_cache.size"})
"""Settings of a user, not of a project: only the global file and the environment have them."""

_BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

BY_KEY: Final = {spec.name: spec for spec in KEYS} | {f"remote.NAME.{spec.name}": spec for spec in SETTINGS}
REMOTE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def spec_of(key: str) -> SettingSpec:
    """The specification of `key`, such as `cache.dir` or `remote.origin.url`. Raises UsageError for an unknown key."""
    parts = key.split(".")
    general = key
    if parts[0] == "remote" and len(parts) == 3:
        check_remote_name(parts[1])
        general = f"remote.NAME.{parts[2]}"
    spec = BY_KEY.get(general)
    if spec is None:
        _unknown(key, general, parts)
    return spec


def check_remote_name(name: str) -> None:
    """Raises UsageError for an invalid name of a remote."""
    if not REMOTE_NAME.fullmatch(name):
        raise UsageError(
            f"invalid remote name {name!r}",
            why="letters, digits, - and _ are allowed",
            fix="choose another name",
        )


def parse_value(key: str, spec: SettingSpec, text: str) -> Value:
    """Parse the typed `text` as a value of `key`. Raises UsageError for an invalid value, without showing a secret."""
    value: Value = text
    if spec.type is bool:
        value = {"true": True, "false": False}.get(text.lower(), text)
    elif spec.type is int and re.fullmatch(r"[0-9]{1,9}", text):
        value = int(text)
    problem = "a text" if not text.strip() else problem_with(spec, value)
    if problem is not None:
        shown = "" if spec.secret else f", not {text!r}"
        raise UsageError(f"invalid value for {key}", why=f"expected {problem}{shown}", fix=f"it means: {spec.doc}")
    return value


def parse_duration(duration: str) -> int:
    """The seconds of a valid duration such as `14d`, `12h`, `30m` or `0d`."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def parse_size(text: str) -> int:
    """The bytes of a valid size such as `10MB`; units are decimal."""
    number = text.rstrip("BbkKMGT")
    return int(number) * _BYTES[text[len(number) :].upper()]


def _unknown(key: str, general: str, parts: list[str]) -> NoReturn:
    known = [name.replace("NAME", parts[1]) for name in BY_KEY] if general != key else list(BY_KEY)
    raise UsageError(
        f"unknown setting {key!r}",
        why="this version has no setting of that name",
        fix=did_you_mean(key, known) or "`dver config --help` lists all settings",
    )


def did_you_mean(word: str, known: list[str]) -> str | None:
    """A question with the most similar word of `known`, if one is similar to `word`."""
    from difflib import get_close_matches  # takes three milliseconds

    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else None
