"""Stages: what `dver.yaml` says, how stages depend on each other, which are stale and why, and running them.

Nothing here knows Git, the workspace or remotes: what is at a path is asked of whoever calls.
"""

from typing import Final

FILE_NAME: Final = "dver.yaml"
"""What files with stages are called."""
