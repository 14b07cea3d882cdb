"""Runs git where it contacts another repository: it never asks a question, and runs no hooks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from dver.core.errors import DverError, RemoteError, RepositoryError
from dver.core.held_interrupts import held_interrupts
from dver.core.phrasing import quoted
from dver.git.git_repo import GitRepo, environment, failure, with_settings

_SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",  # such an address is a command
    "fetch.writeCommitGraph": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
}
_PATIENCE: Final = 5.0
"""Seconds that an interrupted git has to delete its temporary files."""

_UNKNOWN_HOST: Final = re.compile(r"Could not resolve host(?:name)?")
_DENIED: Final = re.compile(
    r"(?i)could not read (?:username|password)|authentication failed|permission denied \(|"
    r"terminal prompts disabled|returned error: 40[13]|host key verification failed"
)
_NO_REPOSITORY: Final = re.compile(
    r"(?i)repository .*not found|does not appear to be a git repository|returned error: 404|repository not found|"
    r"no such file or directory|repository .*does not exist"
)
_USER_INFO: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@\s']+)@")


class GitNetworkFailure(Exception):
    """A git process that contacted another repository failed. `said` is its standard error."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def run_with_network(git: GitRepo, args: Sequence[str], *, settings: Mapping[str, str], stdin: bytes = b"") -> bytes:
    """The output of `git *args` in the repository `git`, with further `settings`. Raises GitNetworkFailure.

    Git and its children are in a session of their own: without a terminal, neither git nor ssh can ask for a password.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with held_interrupts():
            process = subprocess.Popen(
                ["git", *args],
                cwd=git.worktree,  # addresses may be relative to it
                env=_environment(git, settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        output, said = process.communicate(stdin)
    except BaseException:
        if process is not None:
            _stop(process)
        raise
    if process.returncode:
        raise GitNetworkFailure(os.fsdecode(said))
    return output


def network_error(url: str, error: GitNetworkFailure, *, pushing: bool = False) -> DverError:
    """The error for users when `url` cannot be fetched from, or pushed to."""
    shown = shown_url(url)
    said = _USER_INFO.sub(_without_secret, error.said)
    why = _reason(said)
    check = f"git ls-remote {quoted(shown)}"
    if _UNKNOWN_HOST.search(said):
        return RemoteError(
            f"cannot reach the Git repository {shown}",
            why="its host is unknown",
            fix="check the address and the network",
        )
    if _DENIED.search(said):
        return RemoteError(
            f"the Git repository {shown} refuses access",
            why=why,
            fix=f"set up Git's credential helper or an SSH key, so that this runs without a question: {check}",
        )
    if _NO_REPOSITORY.search(said):
        return RepositoryError(f"no Git repository at {shown}", why=why, fix=f"check the address: {check}")
    if ".lock'" in said or "No space left" in said:
        return failure(["push" if pushing else "fetch"], os.fsencode(error.said))
    verb = "push to" if pushing else "fetch from"
    return RemoteError(f"cannot {verb} the Git repository {shown}", why=why, fix=f"try again; does this run? {check}")


def shown_url(url: str) -> str:
    """`url` without a password, and without the user of a web address, which may be a token."""
    return _USER_INFO.sub(_without_secret, url)


def _without_secret(found: re.Match[str]) -> str:
    user = found["user"].partition(":")[0]
    return f"{found['scheme']}://" + ("" if found["scheme"].lower() in ("http", "https") else f"{user}@")


def _reason(said: str) -> str | None:
    """The line that says most: the first one that a server, ssh or git wrote about an error."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith(("hint:", "warning:"))]
    first = next((line for line in lines if "Could not read from remote repository" not in line), None)
    return first and first.removeprefix("fatal: ").removeprefix("error: ").removeprefix("remote: ")


def _environment(git: GitRepo, settings: Mapping[str, str]) -> Mapping[str, str]:
    env = with_settings(environment(git), {**_SETTINGS, **settings})
    # An empty program is none. Only a program that the user named for Git itself may ask: it need not be a person.
    env.setdefault("GIT_ASKPASS", "")
    env["SSH_ASKPASS_REQUIRE"] = "never"
    return env


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
