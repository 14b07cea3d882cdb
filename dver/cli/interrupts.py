"""Ctrl-C that comes where Python cannot raise it."""

from __future__ import annotations

import sys


def redeliver_interrupts() -> None:
    """Let a Ctrl-C that Python drops reach the program a moment later.

    Python prints "Exception ignored" and goes on when KeyboardInterrupt is raised in a finalizer or in the callback of
    a weak reference. Each import has such a callback, so a Ctrl-C while dver starts could be lost.
    """
    others = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, KeyboardInterrupt):
            others(dropped)
            return
        import signal
        import threading

        # Not at once: it would be raised, and dropped, in this hook. A signal also ends a call that waits.
        main = threading.main_thread().ident
        threading.Timer(0.01, signal.pthread_kill, (main, signal.SIGINT)).start()

    sys.unraisablehook = hook
