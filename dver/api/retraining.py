"""Retraining in the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle
from dver.api.progress import ProgressCallback, progress_for

if TYPE_CHECKING:
    from dver.retraining.result import RetrainingResult


class RetrainMethods(ProjectHandle):
    """The method that retrains models."""

    __slots__ = ()

    def retrain(
        self,
        name: str | None = None,
        *,
        if_alert: bool = False,
        pr: bool = False,
        force: bool = False,
        restart: bool = False,
        jobs: int = 1,
        pull: bool = False,
        push: bool | str = False,
        progress: ProgressCallback | None = None,
    ) -> RetrainingResult:
        """Train a model on new data, and promote it if the rule in dver.yaml allows it.

        After an error, the next call continues: finished steps are not done again.

        Args:
            name: An entry of `retrain:` in dver.yaml; by default the only one.
            if_alert: Only after an alarm of the monitor that no version has followed.
            pr: Open a pull request instead of promoting. Needs the environment of a CI job.
            force: Train also without new data.
            restart: Begin again instead of continuing an unfinished retraining.
            jobs: How many stages run in parallel.
            pull: Download missing data and cached runs.
            push: Push the data and the tags: to the Git remote that `git push` uses, or to the named one.

        Raises:
            UsageError: No dver.yaml says how to retrain, or `name` is unknown.
            StageError: Training failed.
            ConflictError: New files have the names of others in the data, or data was edited while its pointer moved.
            RemoteError: A remote or the host of the pull request cannot be reached.
        """
        from dver.retraining.result import RetrainingOptions
        from dver.retraining.run import retrain

        remote = push if isinstance(push, str) else None
        options = RetrainingOptions(if_alert, pr, force, restart, jobs, pull, bool(push), remote)
        with self._open() as repo:
            return retrain(repo, name, options, progress=progress_for(progress))
