"""The environment that a package needs: Python and packages, from the record of the run that made the model. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dver.core.display import Displayed
from dver.formats.run_record import RunRecord
from dver.models.package.distributions import packages_of, usable_packages

_PYTHON: Final = re.compile(r"[0-9]+\.[0-9]+(?:\.[0-9A-Za-z]+)*", re.ASCII)
REQUIREMENTS: Final = "requirements.txt"
CONSTRAINTS: Final = "constraints.txt"


@dataclass(frozen=True, slots=True, repr=False)
class PackageEnvironment(Displayed):
    """Python and packages. Empty, with the reason, if they are unknown."""

    python: str | None = None
    """The version of Python."""
    platform: str | None = None
    """Operating system, release and machine."""
    requirements: tuple[str, ...] = ()
    """The packages to install, by normalized name."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """The versions of all packages of the run."""
    modules: tuple[str, ...] = ()
    """The modules that the model or its stage imports."""
    unknown_modules: tuple[str, ...] = ()
    """Those of them that no package of the run has as its name."""
    missing: str | None = None
    """Why there is no environment; None if there is one."""


def find_environment(
    record: RunRecord | None, modules: Iterable[str], *, missing: str = "", needs: Iterable[str] = ()
) -> PackageEnvironment:
    """The environment of the run `record`: the packages of `modules`, or all packages if no modules are known.

    `missing` says why there is no record. `needs` are modules that loading the model needs in any case.
    """
    imported = sorted(set(modules))
    if record is None:
        return PackageEnvironment(modules=tuple(imported), missing=missing)
    packages = usable_packages(record.packages)
    if not packages:
        return PackageEnvironment(
            modules=tuple(imported), missing="the record of the run names no packages: no Python was found in the PATH"
        )
    names, unknown = packages_of({*imported, *needs}, packages)
    return PackageEnvironment(
        python=record.python if _PYTHON.fullmatch(record.python or "") else None,
        platform=record.platform,
        requirements=names if imported else tuple(packages),
        packages=packages,
        modules=tuple(imported),
        unknown_modules=unknown,
    )


def requirements_text(environment: PackageEnvironment, extra: Iterable[str] = ()) -> str:
    """The content of `requirements.txt`: the requirements with their versions, and all others as constraints."""
    if environment.missing is not None:
        lines = [
            "# Unknown: " + environment.missing + ".",
            *(f"# The sources import {module}." for module in environment.modules),
            *extra,
        ]
        return "".join(f"{line}\n" for line in lines)
    names = (*environment.requirements, *(one for one in extra if one not in environment.requirements))
    lines = [
        f"-c {CONSTRAINTS}",
        *(f"{name}=={environment.packages[name]}" if name in environment.packages else name for name in names),
        *(f"# No package of the run is called {module}." for module in environment.unknown_modules),
    ]
    return "".join(f"{line}\n" for line in lines)


def constraints_text(environment: PackageEnvironment) -> str:
    """The content of `constraints.txt`: the version of each package of the run."""
    return "".join(f"{name}=={version}\n" for name, version in environment.packages.items())
