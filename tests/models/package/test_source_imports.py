"""What Python sources import, without executing them."""

from __future__ import annotations

from dver.models.package.source_imports import SourceImports, source_imports


def imports_of(files: dict[str, str], *sources: str, roots: tuple[str, ...] = ("",)) -> SourceImports:
    return source_imports(sources, lambda path: files[path].encode() if path in files else None, roots)


def test_packages_are_found_and_the_standard_library_is_not() -> None:
    text = (
        "import os, numpy as np\nfrom sklearn.linear_model import LogisticRegression\n\ndef f():\n    import torch.nn\n"
    )
    assert imports_of({"train.py": text}, "train.py").modules == {"numpy", "sklearn", "torch"}


def test_own_modules_beside_a_source_are_followed() -> None:
    files = {
        "src/train.py": "import features",
        "src/features/__init__.py": "from .scale import Scaler\nfrom . import text",
        "src/features/scale.py": "import scipy",
        "src/features/text.py": "import spacy",
    }
    found = imports_of(files, "src/train.py")
    assert found.modules == {"scipy", "spacy"}
    assert set(found.own) == {
        ("src", "features/__init__.py"),
        ("src", "features/scale.py"),
        ("src", "features/text.py"),
    }


def test_relative_imports_of_a_source_in_a_package_are_named_from_its_top() -> None:
    files = {
        "src/team/__init__.py": "",
        "src/team/train.py": "from .nets import Net",
        "src/team/nets.py": "import torch",
    }
    found = imports_of(files, "src/team/train.py")
    assert found.modules == {"torch"}
    assert ("src", "team/nets.py") in found.own


def test_modules_of_a_root_are_the_repositorys_own() -> None:
    files = {
        "scripts/train.py": "from team.nets import Net",
        "src/team/nets.py": "import torch",
        "src/team/__init__.py": "",
    }
    found = imports_of(files, "scripts/train.py", roots=("", "src"))
    assert found.modules == {"torch"}
    assert set(found.own) == {("src", "team/nets.py"), ("src", "team/__init__.py")}


def test_modules_that_import_each_other_end() -> None:
    found = imports_of({"a.py": "import b", "b.py": "import a, numpy"}, "a.py")
    assert found.modules == {"numpy"}


def test_a_source_that_is_not_python_is_named() -> None:
    found = imports_of({"a.py": "import (", "b.py": "import numpy"}, "a.py", "b.py", "missing.py")
    assert (found.unreadable, found.modules) == (("a.py",), {"numpy"})
