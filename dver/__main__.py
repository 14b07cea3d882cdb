"""The entry point of `dver` and `python -m dver`: runs `dver.cli.main`, and ends the process."""

import os
import sys  # and nothing else up here: Ctrl-C during these imports prints a traceback

_GRACE = 2.0  # seconds
_INTERRUPTED = 130


def run() -> None:
    """Run the command line of this process, and end it with the exit code."""
    try:
        from dver.core.platform import UNSUPPORTED, unsupported

        if (message := unsupported()) is not None:
            sys.stderr.write(message)
            sys.exit(UNSUPPORTED)
        from dver.cli.interrupts import redeliver_interrupts

        redeliver_interrupts()
        from dver.cli.main import main

        code = main()
    except KeyboardInterrupt:  # before `main` could report it
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End the process without waiting for its threads: one that waits for a slow server may take minutes.

    Threads get a moment to clean up, for example to abort a multipart upload. A second Ctrl-C ends that.
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
