"""Environment variables as dependencies. Values may be secrets, so only digests are recorded.

There are two kinds of digest: docs/decisions/environment-digests.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from blake3 import blake3

from dver.core.public_text import is_secret_name
from dver.pipelines.definition.stage import Stage
from dver.pipelines.engine.graph import Address

_LENGTH: Final = 16
"""The length of a digest in bytes."""
_SALT: Final = "environment variable"
_COST: Final = 1 << 14
"""The cost of scrypt with blocks of 1 KiB: 16 MiB of memory and about 35 ms per guess."""


def env_values(env: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a stage that are set, by `dver.yaml` or in `environ`."""
    found = {name: environ.get(name) if value is None else value for name, value in env.items()}
    return {name: value for name, value in found.items() if value is not None}


def env_digests(env: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str | None]:
    """The digest of each variable of a stage; None for unset variables."""
    return {name: _digest(name, value, environ.get(name)) for name, value in env.items()}


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """An environment variable that is named like a password, a token or a key."""

    name: str
    stages: tuple[Address, ...]
    """The stages that list it under `env`."""
    in_file: bool
    """True if `dver.yaml` sets its value."""


def secret_variables(stages: Mapping[Address, Stage], chosen: Iterable[Address]) -> tuple[SecretVariable, ...]:
    """The variables of the `chosen` stages that are named like secrets."""
    found: dict[tuple[str, bool], list[Address]] = {}
    for address in chosen:
        for name, value in stages[address].env.items():
            if is_secret_name(name):
                found.setdefault((name, value is not None), []).append(address)
    return tuple(SecretVariable(name, tuple(users), in_file) for (name, in_file), users in found.items())


def _digest(name: str, written: str | None, found: str | None) -> str | None:
    if written is not None:  # public, and a matrix can have thousands: a fast digest
        return f"blake3:{blake3(_encoded(_SALT, name, written)).hexdigest(_LENGTH)}"
    return None if found is None else _secret_digest(name, found)


@cache
def _secret_digest(name: str, value: str) -> str:
    """The digest of a value from the environment: slow, so that short secrets cannot be guessed quickly."""
    salt = _encoded(_SALT, name)
    found = hashlib.scrypt(_encoded(value), salt=salt, n=_COST, r=8, p=1, dklen=_LENGTH)
    return f"scrypt:{found.hex()}"


def _encoded(*texts: str) -> bytes:
    return "\0".join(texts).encode(errors="surrogatepass")
