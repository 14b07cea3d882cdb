"""Text for pages, packages and tags that other people read: without secrets and without absolute paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "***"
"""The text that replaces a secret."""
_SHORTEST: Final = 6
"""The shortest known secret that is looked for. Shorter ones, such as `true`, also occur in other text."""
_PASSES: Final = 4
"""What a replacement leaves may be a secret again: part of an odd path, or the end of a quoted value."""

# -- names of secrets

_ANYWHERE: Final = frozenset(
    ("APIKEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE", "PASSWD", "PASSWORD", "SECRET", "SECRETS")
)
_AT_THE_END: Final = frozenset(("AUTH", "DSN", "KEY", "PASS", "PAT", "PW", "TOKEN"))
_NO_SECRET_KEYS: Final = frozenset(("FOREIGN", "INDEX", "PARTITION", "PRIMARY", "PUBLIC", "SORT"))
_ENDINGS: Final = ("APIKEY", "PASSWORD", "SECRET", "TOKEN")
_AMBIGUOUS: Final = _AT_THE_END - {"TOKEN"}
"""Words that people also use in sentences: `key: value`."""
_SIGNATURES: Final = ("x-amz-", "x-goog-", "sig", "signature", "awsaccesskeyid", "googleaccessid", "sharedaccesssig")
"""The starts of names in queries of signed URLs."""


def is_secret_name(name: str) -> bool:
    """Whether a variable, a parameter or a setting of this name is likely to have a secret as its value."""
    words = _words(name)
    if _ANYWHERE.intersection(words) or words[-1].endswith(_ENDINGS):
        return True
    before = words[-2] if len(words) > 1 else ""
    return words[-1] in _AT_THE_END and before not in _NO_SECRET_KEYS


def _words(name: str) -> list[str]:
    """The words of `api-key`, `API_KEY` or `apiKey`, in capitals."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.split(r"[^A-Z0-9]+", parted.upper().rstrip("_-."))


# -- patterns

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
)
_USER_INFO: Final = re.compile(r"(?<!dver)(?P<slashes>://)(?P<user>[^\s/?#\"'<>`]*)@")
_QUERY: Final = re.compile(r"(?P<start>[?&#](?P<name>[\w.-]{1,80})=)(?P<value>[^\s&#\"'<>`)\]]+)")
_ASSIGNMENT: Final = re.compile(
    r"(?<![\w.-])(?P<dashes>-{0,2})(?P<name>[A-Za-z0-9_](?:[\w.-]{0,78}\w)?)"
    r"(?P<between>[\"']?(?:\s?=\s?|:\s?)|\s)"
    r"(?P<value>\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'`,;&<>]+)"
)
_BEARER: Final = re.compile(r"\b(?P<scheme>bearer|basic)\s+(?=[\w.~+/-]*[0-9=])[\w.~+/-]{12,}=*", re.IGNORECASE)
_TOKENS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])"  # Amazon
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,}"
    r"|gl[a-z]{2,8}-[\w-]{20,}"  # GitLab
    r"|hf_[A-Za-z0-9]{30,}"
    r"|xox[a-z]-[\w-]{10,}"  # Slack
    r"|(?:sk|rk|pk)_(?:live|test)_\w{16,}"  # Stripe
    r"|sk-(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[\w-]{32,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{40,}|dop_v1_[0-9a-f]{40,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # JSON web tokens
    r")"
)
_NAME: Final = r"[^\s/\\\"'`<>|:;,()\[\]{}=]+"
_ABSOLUTE: Final = re.compile(rf"(?<![\w.~/\\…*@%+\-}})\]>$])(?:file://(?:localhost)?)?/(?:{_NAME}/)+(?:{_NAME})?")
_WINDOWS: Final = re.compile(rf"(?<![A-Za-z0-9])(?:[A-Za-z]:[\\/]+|\\\\(?={_NAME}))(?:{_NAME}[\\/]+)*(?:{_NAME})?")
_HOME: Final = re.compile(r"(?:[A-Za-z]:)?[\\/]+(?:home|users)[\\/]+[^\\/]+[\\/]*", re.IGNORECASE)


class SecretFilter:
    """Replaces secrets with `***`, and absolute paths with relative ones or their last name: `…/train.csv`.

    It knows passwords and tokens in URLs, signed URLs, private keys, tokens of well-known forms, values that are
    assigned to names of secrets (`--api-key VALUE`, `PASSWORD=VALUE`), and the given `secrets` wherever they occur.
    """

    def __init__(self, *, top: str | None = None, home: str | None = None, secrets: Iterable[str] = ()) -> None:
        """`top` is the directory that paths become relative to, `home` the user's home directory."""
        known = {one for one in secrets if len(one) >= _SHORTEST}
        known |= {quote(one, safe="") for one in known}
        self._secrets = _any_of(known)
        self._top = _directory(top)
        self._home = _directory(home)

    def text(self, text: str) -> str:
        """`text` without secrets and absolute paths."""
        for _ in range(_PASSES):
            found = self._filtered(text)
            if found == text:
                break
            text = found
        return text

    def _filtered(self, text: str) -> str:
        found = self._secrets.sub(MASK, text) if self._secrets is not None else text
        found = _PRIVATE_KEY.sub(MASK, found)
        found = _USER_INFO.sub(_without_user, found)
        found = _QUERY.sub(_query, found)
        found = _BEARER.sub(rf"\g<scheme> {MASK}", found)
        found = _ASSIGNMENT.sub(_assignment, found)
        found = _TOKENS.sub(MASK, found)
        return self._without_paths(found)

    def value(self, value: Any, name: str = "") -> Any:
        """A value of mappings, lists and plain values, filtered. Masks plain values of keys that name a secret."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(one, str(key)) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(one, name) for one in value]
        if name and value is not None and not isinstance(value, bool) and is_secret_name(name):
            return MASK
        return self.text(value) if isinstance(value, str) else value

    def _without_paths(self, text: str) -> str:
        if self._top is not None:
            text = self._top.sub(lambda found: "" if found["inside"] else ".", text)
        text = _WINDOWS.sub(_last_name, text)
        text = _ABSOLUTE.sub(_last_name, text)
        return self._home.sub(lambda found: "~/" if found["inside"] else "~", text) if self._home is not None else text


def _any_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(secrets, key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _directory(path: str | None) -> re.Pattern[str] | None:
    """Matches the absolute `path`, and the slash of a path inside of it."""
    plain = path.rstrip("/\\") if path else ""
    if not plain:
        return None
    return re.compile(rf"(?<![\w.~])(?:file://)?{re.escape(plain)}(?:(?P<inside>[/\\](?=[^\s/\\]))|[/\\]?(?![\w-]))")


def _without_user(found: re.Match[str]) -> str:
    return found[0] if found["user"] == "git" else found["slashes"]


def _query(found: re.Match[str]) -> str:
    name = found["name"]
    is_secret = is_secret_name(name) or name.lower().startswith(_SIGNATURES)
    return f"{found['start']}{MASK}" if is_secret else found[0]


def _assignment(found: re.Match[str]) -> str:
    name, between, value = found["name"], found["between"], found["value"]
    is_option = found["dashes"] != ""
    if not is_secret_name(name) or (between.isspace() and not is_option) or (is_option and value.startswith("-")):
        return found[0]
    if between.strip().startswith(":") and name.upper() in _AMBIGUOUS:
        return found[0]
    return f"{found['dashes']}{name}{between}{MASK}"


def _last_name(found: re.Match[str]) -> str:
    path = found[0].removeprefix("file://").removeprefix("localhost")
    if _HOME.fullmatch(path):
        return "~"
    name = re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
    if name.endswith(":"):  # the root of a drive
        return "…/"
    return f"…/{name}" + ("/" if path[-1] in "\\/" else "")
