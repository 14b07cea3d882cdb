"""Configuration: three TOML files, one over the other, and a few environment variables over all of them.

Global (the user's), project (`.dver/config.toml`, in Git), local (the clone's own, in the Git directory). What the
project's file says comes from whoever one cloned from, so secrets count only where Git never sees them.
"""

from dver.config.editing import edit, remove_remote, rename_remote
from dver.config.reading import Config, ConfigPaths, Item
from dver.config.schema import DEFAULTS, KEYS, SCOPES, Origin, Scope, Value, check_remote_name, spec_of
from dver.config.trust import addresses_of, is_address, needs_trust, read_trust, write_trust

__all__ = [
    "DEFAULTS",
    "KEYS",
    "SCOPES",
    "Config",
    "ConfigPaths",
    "Item",
    "Origin",
    "Scope",
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
