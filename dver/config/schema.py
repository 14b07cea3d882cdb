"""Which settings there are, what they may be, and how a value that a person types is read."""

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
"""From the weakest to the strongest."""

KEYS: Final[tuple[SettingSpec, ...]] = (
    SettingSpec("cache.dir", str, "where the store is, if not in the Git directory; relative to the project"),
    SettingSpec(
        "cache.link",
        str,
        "how large files get from the store into the workspace",
        choices=("auto", "reflink", "hardlink", "symlink", "copy"),
    ),
    SettingSpec(
        "cache.shared",
        str,
        "who else may use the store: what dver makes there gets the permissions for it, whatever the umask",
        choices=("no", "group", "all"),
    ),
    SettingSpec("core.remote", str, "the remote that is meant where none is named"),
    SettingSpec("core.jobs", int, "how many files or transfers are worked on at once", minimum=1),
    SettingSpec(
        "gc.grace",
        str,
        "how long what gc removed can be brought back, and what others are given to notice",
        pattern=r"[0-9]{1,6}[mhdw]",
        expected="a duration: a number and m, h, d or w, such as 14d",
    ),
    SettingSpec("hooks.fetch", bool, "whether Git's hooks download what the new pointers need and the store lacks"),
    SettingSpec(
        "hooks.install",
        bool,
        "whether `dver init` puts Git's hooks and drivers in place, and `dver doctor` asks for them",
    ),
    SettingSpec(
        "hooks.max_file_size",
        str,
        "from which size on a file may not be committed to Git itself",
        pattern=r"[0-9]{1,9}(B|kB|KB|MB|GB|TB)",
        expected="a size: a number and B, kB, MB, GB or TB, such as 10MB",
    ),
    SettingSpec(
        "hooks.pre_commit",
        str,
        "what happens at a commit to data that changed while its pointer did not",
        choices=("check", "add"),
    ),
    SettingSpec(
        "parsing.bool",
        str,
        "how `${…}` writes truth values of a mapping in a command: only `--name`, or `--no-name` as well",
        choices=("store_true", "boolean_optional"),
    ),
    SettingSpec(
        "parsing.list",
        str,
        "how `${…}` writes lists of a mapping in a command: `--name 1 2`, or `--name 1 --name 2`",
        choices=("nargs", "append"),
    ),
)
"""All settings but those of remotes, which are `dver.core.remote_schema.SETTINGS`."""

DEFAULTS: Final[Mapping[str, Value]] = {
    "cache.link": "auto",
    "cache.shared": "no",
    "gc.grace": "14d",
    "hooks.fetch": False,
    "hooks.install": True,
    "hooks.max_file_size": "10MB",
    "hooks.pre_commit": "check",
    "parsing.bool": "store_true",
    "parsing.list": "nargs",
}

_BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

BY_KEY: Final = {spec.name: spec for spec in KEYS} | {f"remote.NAME.{spec.name}": spec for spec in SETTINGS}
REMOTE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def spec_of(key: str) -> SettingSpec:
    """What is known of `key`, such as `cache.dir` or `remote.origin.url`. Raises UsageError for an unknown one."""
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
    """Raises UsageError unless a remote can be called `name`."""
    if not REMOTE_NAME.fullmatch(name):
        raise UsageError(
            f"a remote cannot be called {name!r}", why="letters, digits, - and _ are allowed", fix="choose another name"
        )


def parse_value(key: str, spec: SettingSpec, text: str) -> Value:
    """The value that the typed `text` means for `key`. Raises UsageError if it does not fit; shows no secret."""
    value: Value = text
    if spec.type is bool:
        value = {"true": True, "false": False}.get(text.lower(), text)
    elif spec.type is int and re.fullmatch(r"[0-9]{1,9}", text):
        value = int(text)
    problem = "some text" if not text.strip() else problem_with(spec, value)
    if problem is not None:
        shown = "" if spec.secret else f", not {text!r}"
        raise UsageError(f"{key} cannot have this value", why=f"expected {problem}{shown}", fix=f"it means: {spec.doc}")
    return value


def seconds(duration: str) -> int:
    """What a setting such as `14d`, `12h`, `30m` or `0d` stands for, in seconds. It has been checked before."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def size_in_bytes(text: str) -> int:
    """What a setting such as `10MB` stands for, in bytes; units are decimal. It has been checked before."""
    number = text.rstrip("BbkKMGT")
    return int(number) * _BYTES[text[len(number) :].upper()]


def _unknown(key: str, general: str, parts: list[str]) -> NoReturn:
    known = [name.replace("NAME", parts[1]) for name in BY_KEY] if general != key else list(BY_KEY)
    raise UsageError(
        f"there is no setting {key!r}",
        why="no setting has that name in this version",
        fix=did_you_mean(key, known) or "see the names: dver config --help",
    )


def did_you_mean(word: str, known: list[str]) -> str | None:
    """A question that names the one of `known` that is most like `word`, if any is."""
    from difflib import get_close_matches  # three milliseconds that only a mistake should cost

    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else None
