"""Methods of `project.model` that change the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle, StrPath
from dver.api.progress import ProgressCallback, progress_for
from dver.core.errors import UsageError

if TYPE_CHECKING:
    from dver.gitflow.registry_changes import ChangeOptions, RegistryChange
    from dver.ops.model.register import RegistrationResult


class ModelChangeMethods(ProjectHandle):
    """Methods that register, assign and retire versions. Each makes a Git tag."""

    __slots__ = ()

    def register(
        self,
        name: str | None = None,
        version: str | None = None,
        *,
        path: StrPath | None = None,
        rev: str | None = None,
        exp: str | None = None,
        bump: str | None = None,
        changed: bool = False,
        require_checks: bool = False,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistrationResult:
        """Register a version of a model or dataset.

        Args:
            name: The artifact, as in `artifacts:` of dver.yaml.
            version: Such as `v1.2.0`; by default the next one.
            path: The path of an artifact that no dver.yaml names.
            rev: The commit; by default HEAD.
            exp: An experiment, instead of a commit.
            bump: The part of the version to raise: `major`, `minor` or `patch`.
            changed: Register all artifacts whose content differs from their latest versions, or only `name` if it does.
            require_checks: Refuse a version whose data fails critical checks.
            message: The message of the tag.
            push: Upload the data of the commit and push the tag: to the Git remote that `git push` uses, or to the
                named one.
            dry_run: Only say which tag would be made.

        Raises:
            AlreadyRegisteredError: The commit or its content has a version, and `version` is not given.
            ConflictError: Another commit has the version.
            FailedChecksError: Data of the version fails a critical check (with `require_checks`).
            UsageError: The artifact is unknown, or arguments contradict each other.
            MissingObjectError: Data is neither in the store nor on the remote (with `push`).
            RemoteError: A remote cannot be reached (with `push`).
        """
        from dver.models.version_choice import version_choice
        from dver.ops.model.register import RegistrationSource, register, register_changed

        source = RegistrationSource(rev, exp, require_checks)
        artifact, choice = version_choice(name, version, bump)
        options = _options(message, push, dry_run=dry_run)
        with self._open() as repo:
            if changed:
                if choice.is_given or path is not None:
                    raise UsageError("`changed` excludes `version`, `bump` and `path`", fix="leave one of them out")
                names = [artifact] if artifact is not None else []
                return register_changed(repo, names, source, options, progress=progress_for(progress))
            if artifact is None:
                raise UsageError("no artifact is named", fix='name one: register("churn"); or register(changed=True)')
            return register(
                repo,
                artifact,
                choice,
                source,
                options,
                path=None if path is None else str(path),
                cwd=self.cwd,
                progress=progress_for(progress),
            )

    def assign(
        self,
        name: str,
        stage: str,
        version: str | None = None,
        *,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistryChange:
        """Assign a version to a stage.

        Args:
            name: The artifact.
            stage: Such as `prod`.
            version: Such as `v1.2.0`, or `#dev` for the version of another stage; by default the latest version.
            message, push, dry_run: As in `register`.

        Raises:
            UsageError: The artifact or the version is unknown.
        """
        from dver.ops.model.assign import assign

        options = _options(message, push, dry_run=dry_run)
        with self._open() as repo:
            return assign(repo, name, stage, version, options, progress=progress_for(progress))

    def unassign(
        self,
        name: str,
        stage: str,
        version: str | None = None,
        *,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistryChange:
        """Take a version out of a stage. The version before it is then the current one.

        Args:
            name: The artifact.
            stage: Such as `prod`.
            version: By default the current version of the stage.
            message, push, dry_run: As in `register`.

        Raises:
            UsageError: The version is not in the stage.
        """
        from dver.ops.model.unassign import unassign

        options = _options(message, push, dry_run=dry_run)
        with self._open() as repo:
            return unassign(repo, name, stage, version, options, progress=progress_for(progress))

    def rollback(
        self,
        name: str,
        stage: str,
        *,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistryChange:
        """Assign the version that was in a stage before. A second rollback goes further back.

        Args:
            name: The artifact.
            stage: Such as `prod`.
            message, push, dry_run: As in `register`.

        Raises:
            UsageError: There was no version before.
        """
        from dver.ops.model.rollback import rollback

        with self._open() as repo:
            options = _options(message, push, dry_run=dry_run)
            return rollback(repo, name, stage, options, progress=progress_for(progress))

    def deprecate(
        self,
        name: str,
        *,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistryChange:
        """Mark a model or dataset as deprecated. Its next registration or assignment makes it active again.

        Args:
            name: The artifact.
            message, push, dry_run: As in `register`.

        Raises:
            UsageError: The artifact is unknown.
        """
        from dver.ops.model.deprecate import deprecate

        with self._open() as repo:
            options = _options(message, push, dry_run=dry_run)
            return deprecate(repo, name, options, progress=progress_for(progress))

    def deregister(
        self,
        name: str,
        version: str | None = None,
        *,
        message: str | None = None,
        push: bool | str = False,
        dry_run: bool = False,
        progress: ProgressCallback | None = None,
    ) -> RegistryChange:
        """Remove a version from the registry. Its commit and its data stay.

        Args:
            name: The artifact; with the version, as `churn@v1.0.0`, or without.
            version: Such as `v1.0.0`.
            message, push, dry_run: As in `register`.

        Raises:
            UsageError: The version is unknown.
            ConflictError: The version is the current one of a stage.
        """
        from dver.ops.model.deregister import deregister

        with self._open() as repo:
            options = _options(message, push, dry_run=dry_run)
            return deregister(repo, name, version, options, progress=progress_for(progress))


def _options(message: str | None, push: bool | str, *, dry_run: bool) -> ChangeOptions:
    from dver.gitflow.registry_changes import ChangeOptions

    return ChangeOptions(bool(push), push if isinstance(push, str) else None, message, dry_run)
