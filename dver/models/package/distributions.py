"""The packages that modules come from: `sklearn` is of scikit-learn. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Crypto": ("pycryptodome",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dateutil": ("python-dateutil",),
    "docx": ("python-docx",),
    "dotenv": ("python-dotenv",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "fitz": ("pymupdf",),
    "hydra": ("hydra-core",),
    "igraph": ("igraph", "python-igraph"),
    "imblearn": ("imbalanced-learn",),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "lightning": ("lightning", "pytorch-lightning"),
    "magic": ("python-magic",),
    "mlflow": ("mlflow", "mlflow-skinny"),
    "mpl_toolkits": ("matplotlib",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "pkg_resources": ("setuptools",),
    "psycopg2": ("psycopg2", "psycopg2-binary"),
    "pythonjsonlogger": ("python-json-logger",),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn", "scikit-learn-intelex"),
    "sksurv": ("scikit-survival",),
    "skopt": ("scikit-optimize",),
    "slugify": ("python-slugify",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos", "tf-nightly"),
    "umap": ("umap-learn",),
    "usb": ("pyusb",),
    "win32com": ("pywin32",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}
"""Modules whose package has another name; the first installed one counts."""

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_VERSION: Final = re.compile(r"(?:[0-9]+!)?[0-9]+(?:[A-Za-z0-9]|[.\-_](?=[A-Za-z0-9]))*", re.ASCII)
_NOT_NEEDED: Final = frozenset(("dver", "pip"))
"""They train and install, and no model needs them."""


def normalized(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def usable_packages(packages: Mapping[str, str]) -> dict[str, str]:
    """The versions by normalized name that pip may be asked for, sorted.

    The record may come from a remote, so that a name or a version could be anything, such as an option of pip. A local
    version such as `2.1.0+cpu` is on no index; pip takes it for `2.1.0`, too.
    """
    found: dict[str, str] = {}
    for name, version in packages.items():
        public = version.partition("+")[0]
        if _NAME.fullmatch(name) and _VERSION.fullmatch(public) and normalized(name) not in _NOT_NEEDED:
            found[normalized(name)] = public
    return dict(sorted(found.items()))


def packages_of(modules: Iterable[str], packages: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The `packages` that `modules` come from, and the modules of none, both sorted."""
    found: set[str] = set()
    unknown: set[str] = set()
    for module in modules:
        names = (normalized(module), *_OTHER_NAMES.get(module, ()))
        known = [name for name in names if name in packages]
        if known:
            found.add(known[0])
        elif module not in _NOT_NEEDED:
            unknown.add(module)
    return tuple(sorted(found)), tuple(sorted(unknown))
