"""The section "Set up" of the Python API, and its group of methods for settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dver.api.handle import ProjectHandle

if TYPE_CHECKING:
    from dver.config import Scope, Setting, Value
    from dver.gitflow.hooks.install import InstallResult, UninstallResult
    from dver.ops.setup.config import SettingChanged, TrustResult


class SetupMethods(ProjectHandle):
    """Methods that install hooks and change settings."""

    __slots__ = ()

    @property
    def config(self) -> ConfigMethods:
        """Methods that read and change settings, such as `project.config.get`."""
        return ConfigMethods(self.root, self.cwd)

    def install(self, *, hooks: bool = True) -> InstallResult:
        """Install Git hooks and merge drivers in this clone. Running it again is safe.

        Args:
            hooks: Without hooks, install only the drivers, and remove dver's hooks.

        Raises:
            LocalIOError, ConflictError: The files cannot be written.
        """
        from dver.ops.setup.install import install

        return install(self.cwd, hooks=hooks)

    def uninstall(self) -> UninstallResult:
        """Remove dver's hooks and drivers. Pointers, data and the store stay."""
        from dver.ops.setup.uninstall import uninstall

        return uninstall(self.cwd)


class ConfigMethods(ProjectHandle):
    """Methods that read and change settings: `project.config`. docs/config.md lists the settings."""

    __slots__ = ()

    def get(self, key: str, *, scope: Scope | None = None) -> Value | None:
        """The value of the setting `key`, effective or in the file of `scope`: `local`, `project` or `global`.

        Raises:
            UsageError: The key is unknown.
        """
        from dver.ops.setup.config import get_setting

        return get_setting(self.cwd, key, scope=scope)

    def set(self, key: str, value: Value, *, scope: Scope = "project") -> SettingChanged:
        """Set the setting `key` to `value` in the file of `scope`, and stage the project's config.

        Raises:
            UsageError: The key or the value is invalid, or the setting is a secret and `scope` is not `local`.
        """
        from dver.ops.setup.config import set_setting

        text = str(value).lower() if isinstance(value, bool) else str(value)
        return set_setting(self.cwd, key, text, scope=scope)

    def unset(self, key: str, *, scope: Scope = "project") -> SettingChanged:
        """Remove the setting `key` from the file of `scope`."""
        from dver.ops.setup.config import set_setting

        return set_setting(self.cwd, key, None, scope=scope)

    def list(self, *, scope: Scope | None = None) -> tuple[Setting, ...]:
        """All settings with a value, effective or in the file of `scope`. Secrets are masked."""
        from dver.ops.setup.config import list_settings

        return tuple(list_settings(self.cwd, scope=scope))

    def trust(self, *keys: str, revoke: bool = False, dry_run: bool = False) -> TrustResult:
        """Trust settings of the project that reach outside the repository.

        Args:
            keys: By default all settings that wait for trust.
            revoke: Stop trusting them, whatever their values.
            dry_run: Change nothing.

        Raises:
            UsageError: A key needs no trust.
        """
        from dver.ops.setup.config import trust_project

        return trust_project(self.cwd, keys, revoke=revoke, dry_run=dry_run)
