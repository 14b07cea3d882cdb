"""The settings of a remote: one table for the configuration, the storage and the documentation.

It is in `core` because `dver.config` validates values with it and `dver.remote` reads them, and neither imports the
other. Named tuples are quick to define: every start of dver imports this module.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class SettingSpec(NamedTuple):
    """One setting `remote.NAME.<name>`: its type, its valid values, and its meaning."""

    name: str
    type: type[str] | type[bool] | type[int]
    doc: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    """The smallest allowed whole number."""
    pattern: str = ""
    """A regular expression for the whole text. `expected` describes it for messages."""
    expected: str = ""


SETTINGS: Final[tuple[SettingSpec, ...]] = (
    SettingSpec("url", str, "the address: a directory, s3://bucket/prefix, or any URL that fsspec supports"),
    SettingSpec(
        "endpoint_url",
        str,
        "the server's address with http:// or https:// and port, if it is not Amazon's, Google's or Azure's own",
        pattern=r"https?://[^\s/?#]+[^\s?#]*",
        expected="an address such as https://minio.example.org:9000",
    ),
    SettingSpec("region", str, "the region of the bucket"),
    SettingSpec("profile", str, "the profile in the AWS config files that has the credentials"),
    SettingSpec(
        "addressing_style",
        str,
        "where requests name the bucket: in the path, in the host name, or chosen automatically",
        choices=("auto", "path", "virtual"),
    ),
    SettingSpec("anonymous", bool, "read a public bucket without credentials"),
    SettingSpec("access_key_id", str, "the id of the access key", secret=True),
    SettingSpec("secret_access_key", str, "the secret of the access key", secret=True),
    SettingSpec("session_token", str, "the token of temporary credentials", secret=True),
    SettingSpec("user", str, "the user name for sftp, webdav, ftp and smb, if it is not in the URL"),
    SettingSpec("password", str, "the password of the user", secret=True),
    SettingSpec("key_file", str, "the file with the private key (sftp) or the service account's key (gs)", secret=True),
    SettingSpec("account", str, "the name of the Azure storage account"),
    SettingSpec("account_key", str, "the key of the Azure storage account", secret=True),
    SettingSpec("sas_token", str, "the shared access signature for Azure, instead of the account key", secret=True),
    SettingSpec("connection_string", str, "the connection string for Azure, instead of account and key", secret=True),
    SettingSpec("jobs", int, "the number of parallel transfers to and from this remote", minimum=1),
)

BY_NAME: Final[dict[str, SettingSpec]] = {spec.name: spec for spec in SETTINGS}

SECRETS: Final[frozenset[str]] = frozenset(spec.name for spec in SETTINGS if spec.secret)
"""Settings that are allowed only in the clone's own file, which is outside of Git."""

_KINDS: Final = {str: "text", bool: "true or false", int: "a whole number"}


def problem_with(spec: SettingSpec, value: object) -> str | None:
    """The expected value, such as "at least 1", if `value` is invalid; None if it is valid."""
    # Not isinstance(): True is an int in Python, but not in a configuration.
    if type(value) is not spec.type:
        return _KINDS[spec.type]
    if spec.choices and value not in spec.choices:
        return "one of " + ", ".join(spec.choices)
    if spec.minimum is not None and isinstance(value, int) and value < spec.minimum:
        return f"at least {spec.minimum}"
    if spec.pattern and isinstance(value, str) and not re.fullmatch(spec.pattern, value):
        return spec.expected
    return None
