"""The process: `dver` and `python -m dver`. All but the end of it is `dver.cli.main`'s."""

import os
import sys

# Nothing else is imported up here: Ctrl-C during imports would print a traceback.
from dver.core.platform import UNSUPPORTED, unsupported

_GRACE = 2.0  # seconds
_INTERRUPTED = 130


def run() -> None:
    """Run the command line of this process, and end it with the exit code."""
    if (message := unsupported()) is not None:
        sys.stderr.write(message)
        sys.exit(UNSUPPORTED)
    try:
        from dver.cli.main import main

        code = main()
    except KeyboardInterrupt:  # before there was anybody to report it
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End the process whatever its threads do: one that waits for a slow server would hold up the exit, perhaps for
    minutes. They get a moment to clean up, such as to give up a multipart upload; a second Ctrl-C cuts it short.
    """
    try:
        if "threading" in sys.modules:
            import threading
            import time

            end = time.monotonic() + _GRACE
            for thread in threading.enumerate():
                if thread is not threading.current_thread() and not thread.daemon:
                    thread.join(max(0.0, end - time.monotonic()))
    except KeyboardInterrupt:
        pass
    finally:
        os._exit(code)


if __name__ == "__main__":
    run()
