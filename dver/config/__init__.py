"""Configuration: three TOML files and a few environment variables, each overriding the one before.

Global (the user's), project (`.dver/config.toml`, in Git), and local (the clone's own, in the Git directory). The
project's config may come from a stranger, and everybody can read it. So secrets are accepted in the local config only.
"""

from dver.config.editing import edit, remove_remote, rename_remote
from dver.config.reading import Config, ConfigPaths, Setting
from dver.config.schema import DEFAULTS, KEYS, SCOPES, Origin, Scope, Value, check_remote_name, spec_of
from dver.config.trust import addresses_of, is_address, needs_trust, read_trust, write_trust

__all__ = [
    "DEFAULTS",
    "KEYS",
    "SCOPES",
    "Config",
    "ConfigPaths",
    "Origin",
    "Scope",
    "Setting",
    "Value",
    "addresses_of",
    "check_remote_name",
    "edit",
    "is_address",
    "needs_trust",
    "read_trust",
    "remove_remote",
    "rename_remote",
    "spec_of",
    "write_trust",
]
