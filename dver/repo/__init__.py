"""A dver project: its paths, and the services that work on it, each made when it is first needed."""

from dver.repo.layout import PROJECT_DIR
from dver.repo.repository import Repository

__all__ = ["PROJECT_DIR", "Repository"]
