"""The pages of features in docs/architecture/ name every module of their packages."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "access": ["access"],
    "api": ["api"],
    "ci": ["ci"],
    "cli": ["cli"],
    "config": ["config", "project"],
    "core": ["core", "formats"],
    "experiments": ["experiments"],
    "fs": ["fs"],
    "git": ["git"],
    "gitflow": ["gitflow"],
    "live": ["live"],
    "maintenance": ["maintenance"],
    "models": ["models"],
    "monitoring": ["monitoring", "drift", "retraining"],
    "pipelines-definition": ["pipelines/definition", "pipelines/compare", "pipelines/plots"],
    "pipelines-runs": ["pipelines/engine", "pipelines/workspace", "pipelines/execution", "pipelines/run_cache"],
    "quality": ["profiles", "profile_cache", "checks", "gates"],
    "remote-backends": ["remote/backends", "remote/urls"],
    "remote-index": ["remote/index", "remote/packs", "remote/gc", "remote/repair"],
    "remote-transfer": ["remote/transfer"],
    "repo": ["repo"],
    "reports": ["reports"],
    "sharing": ["sharing"],
    "sources": ["sources"],
    "store": ["store"],
    "streaming": ["streaming"],
    "tables": ["tables"],
    "tracking": ["tracking"],
    "workspace": ["workspace"],
}


@pytest.mark.parametrize("page", PACKAGES)
def test_a_page_names_every_module(page: str) -> None:
    text = (ROOT / "docs" / "architecture" / f"{page}.md").read_text()
    modules = [
        path.name
        for package in PACKAGES[page]
        for path in (ROOT / "dver" / package).rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert modules
    assert [name for name in modules if name not in text] == []


def test_every_page_is_checked() -> None:
    assert sorted(PACKAGES) == sorted(path.stem for path in (ROOT / "docs" / "architecture").glob("*.md"))
