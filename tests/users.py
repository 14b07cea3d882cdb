"""Acting as other users of the machine. Importable from every test.

Only root can become somebody else. Elsewhere all of them are the one user who runs the tests, each with an umask of
their own: what depends on permission bits is tested all the same, and what depends on who owns a file is not.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

for _name in ("grp", "pwd", "shutil", "pyfastcdc"):
    import_module(_name)  # which dver does when it needs it: the others may not be able to read where Python is

REAL: Final = os.geteuid() == 0
"""Are they different users indeed?"""
TEAM: Final = 54_321
"""The id of a group that all members belong to; nobody has it otherwise."""


@dataclass(frozen=True, slots=True)
class User:
    """A member of the team, with a group of their own."""

    number: int
    umask: int

    @property
    def groups(self) -> list[int]:
        """The groups besides their own."""
        return [TEAM] if self.number != STRANGER.number else []

    def run(self, action: Callable[[], object]) -> None:
        """Run `action` as this user in a process of its own; asserts that it ends well."""
        child = os.fork()
        if child == 0:
            os._exit(self._act(action))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def _act(self, action: Callable[[], object]) -> int:
        try:
            os.umask(self.umask)
            if REAL:
                os.setgroups(self.groups)
                os.setgid(self.number)
                os.setuid(self.number)
            action()
        except BaseException:  # whatever it is, it must not run on into the parent's tests
            traceback.print_exc()
            return 1
        return 0

    @property
    def process(self) -> dict[str, Any]:
        """Arguments for `subprocess.run` that make the process this user's."""
        who = {"user": self.number, "group": self.number, "extra_groups": self.groups} if REAL else {}
        return {"umask": self.umask, **who}


STRANGER: Final = User(54_299, 0o022)
ANN: Final = User(54_301, 0o077)
BOB: Final = User(54_302, 0o022)
