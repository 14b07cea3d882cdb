"""The secret filter of a project: what must not appear in its reports, model cards, packages and tags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from dver.core.public_text import SecretFilter, is_secret_name
from dver.repo import Repository


def secret_filter(
    repo: Repository, environ: Mapping[str, str] = os.environ, *, variables: Iterable[str] = ()
) -> SecretFilter:
    """The filter that knows the secret settings of `repo`, its directory, and secrets in the environment.

    Those are the values of variables that are named like secrets, and of `variables`.
    """
    named = {name for name in environ if is_secret_name(name)}.union(variables)
    secrets = {environ[name] for name in named if name in environ}
    secrets |= {str(one.value) for one in repo.config.items() if one.secret}
    return SecretFilter(
        top=os.fsdecode(repo.layout.top), home=os.path.realpath(os.path.expanduser("~")), secrets=secrets
    )
