"""Requirements and constraints from the record of a run."""

from __future__ import annotations

import pytest

from dver.formats.run_record import RunRecord
from dver.models.package.distributions import packages_of, usable_packages
from dver.models.package.environment import constraints_text, find_environment, requirements_text

PACKAGES = {"scikit_learn": "1.5.0", "NumPy": "2.1.0", "torch": "2.4.0+cpu", "dver": "1.0", "pip": "24.0"}


def record(**packages: str) -> RunRecord:
    return RunRecord("train", 1.0, 2.0, python="3.12.3", packages=packages)


def test_modules_are_installed_from_their_packages_at_the_versions_of_the_run() -> None:
    found = find_environment(record(**PACKAGES), {"sklearn", "numpy"})
    assert requirements_text(found) == "-c constraints.txt\nnumpy==2.1.0\nscikit-learn==1.5.0\n"
    assert constraints_text(found) == "numpy==2.1.0\nscikit-learn==1.5.0\ntorch==2.4.0\n"


def test_without_known_imports_all_packages_are_required() -> None:
    found = find_environment(record(**PACKAGES), ())
    assert found.requirements == ("numpy", "scikit-learn", "torch")


def test_a_module_of_no_package_is_named() -> None:
    found = find_environment(record(**PACKAGES), {"numpy", "in_house", "dver"})
    assert found.unknown_modules == ("in_house",)
    assert "# No package of the run is called in_house." in requirements_text(found)


def test_without_a_record_nothing_is_guessed() -> None:
    found = find_environment(None, {"sklearn"}, missing="this clone has no record of the run of stage train")
    assert all(line.startswith("#") for line in requirements_text(found).splitlines())
    assert "has no record of the run of stage train" in requirements_text(found)
    assert "sklearn" in requirements_text(found)
    assert found.python is None


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("--index-url https://host", "1"),
        ("numpy @ file:///etc/passwd", "1"),
        ("numpy", "1\n--index-url https://host"),
        ("numpy", "1; python_version > '3'"),
        ("-e .", "1"),
        ("a\nb", "1"),
        ("", ""),
    ],
)
def test_a_hostile_record_gives_pip_no_options(name: str, version: str) -> None:
    assert usable_packages({name: version}) == {}


def test_versions_of_any_form_are_matched_quickly() -> None:
    assert usable_packages({"a": "1" + "a1" * 5000 + "!"}) == {}
    assert usable_packages({"a": "1!2.0rc1.post2.dev3"}) == {"a": "1!2.0rc1.post2.dev3"}


def test_the_installed_one_of_several_packages_counts() -> None:
    assert packages_of(["cv2", "xgboost"], {"opencv-python-headless": "4", "xgboost-cpu": "2"}) == (
        ("opencv-python-headless", "xgboost-cpu"),
        (),
    )
