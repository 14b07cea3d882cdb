"""Profiles of images, recordings and texts of a project: each content is measured once, in whichever clone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from workspaces import Project, write

from dver.core.errors import ConflictError
from dver.core.oid import Oid
from dver.core.progress import SILENT, Task
from dver.core.worker_pool import Report
from dver.formats.measurements import Measurements
from dver.formats.profile import CollectionKind, CollectionProfile
from dver.profile_cache import media_profiles
from dver.profile_cache.profiles import Found, NoProfileError, keep_profile, known_profile, profile_of


def draw(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (shade + 1, 5), shade).save(path)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Twelve images in `train/`, one of which is damaged, a text, a table and a binary file."""
    made = Project.make(tmp_path / "repo")
    for at in range(11):
        draw(made.root / f"data/train/{at}.png", at)
    write(
        made.root,
        {"data/train/bad.png": b"bad", "data/a.txt": b"one two", "data/t.csv": b"a,b\n1,x\n", "data/m.bin": b"\0"},
    )
    made.save("data")
    return made


def profiled(project: Project, path: str = "data", rev: str | None = None, **options: object) -> Found:
    with project.opened() as repo:
        return profile_of(repo, path, rev=rev, **options)  # type: ignore[arg-type]


def collection(found: Found, name: str) -> CollectionProfile:
    return next(one for one in found.profile.collections if one.name == name)


def test_a_directory_has_collections_of_tables_and_media(project: Project) -> None:
    found = profiled(project)
    assert [(one.name, one.kind, one.rows) for one in found.profile.collections] == [
        ("t.csv", CollectionKind.TABLE, 1),
        ("text", CollectionKind.TEXT, 1),
        ("train/images", CollectionKind.IMAGES, 11),
    ]
    assert (found.profile.ignored, found.scanned_files) == (1, 14)
    assert [one.path for one in collection(found, "train/images").unreadable] == ["train/bad.png"]


def test_one_image_added_measures_one(project: Project) -> None:
    profiled(project)
    draw(project.root / "data/train/new.png", 200)
    found = profiled(project)
    assert found.scanned_files == 1
    images = collection(found, "train/images")
    width = images.column("width")
    assert width is not None
    assert width.numbers is not None
    assert (images.rows, images.unreadable_count, width.numbers.maximum) == (12, 1, 201)


def test_moved_and_removed_images_measure_none(project: Project) -> None:
    profiled(project)
    (project.root / "data/train/1.png").unlink()
    (project.root / "data/train/2.png").rename(project.root / "data/x.png")
    found = profiled(project)
    assert found.scanned_files == 0
    assert (collection(found, "train/images").rows, collection(found, "images").rows) == (9, 1)


def test_images_that_are_only_in_the_store_are_measured(project: Project) -> None:
    shutil.rmtree(project.root / "data")
    found = profiled(project)
    assert collection(found, "train/images").rows == 11
    assert not list(project.store.parent.glob("scratch-*"))


def test_a_revision_is_measured_as_it_was(project: Project) -> None:
    draw(project.root / "data/train/0.png", 100)
    assert collection(profiled(project, rev="HEAD"), "train/images").column("width") == collection(
        profiled(project, rev="HEAD", keep=False), "train/images"
    ).column("width")
    assert profiled(project).scanned_files == 1


def test_a_single_image_has_a_profile_without_a_name(project: Project) -> None:
    found = profiled(project, "data/train/3.png")
    (images,) = found.profile.collections
    assert (images.name, images.kind, images.rows, found.scanned_files) == ("", CollectionKind.IMAGES, 1, 1)


def test_a_single_image_of_a_profiled_directory_is_not_read(project: Project) -> None:
    profiled(project)
    assert profiled(project, "data/train/3.png").scanned_files == 0


def test_what_was_measured_without_being_kept_is_kept_without_measuring_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = profiled(project, keep=False)
    monkeypatch.delattr(media_profiles, "measure_files")
    with project.opened() as repo:
        keep_profile(repo, found)
        assert known_profile(repo, found.oid, None) == found.profile
    assert profiled(project).scanned_files == 0


def test_images_that_are_missing_are_an_error(project: Project) -> None:
    shutil.rmtree(project.root / "data")
    shutil.rmtree(project.store)
    with pytest.raises(NoProfileError):
        profiled(project)


def test_an_image_that_changes_while_it_is_measured_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = media_profiles.measure_files

    def changing(kind: CollectionKind, files: dict[Oid, bytes], report: Report) -> Measurements:
        found = measure(kind, files, report=report)
        draw(project.root / "data/train/0.png", 250)
        return found

    monkeypatch.setattr(media_profiles, "measure_files", changing)
    with pytest.raises(ConflictError, match=r"0\.png' changed while it was read"):
        profiled(project)
    assert profiled(project, "data/train/1.png").scanned_files == 1  # nothing was kept


def test_the_progress_reaches_the_bytes_of_all_files(project: Project) -> None:
    draw(project.root / "data/train/copy.png", 1)
    project.save("data")
    progress = Counted()
    profiled(project, progress=progress)
    assert progress.total == pytest.approx(progress.done, abs=20)  # the sizes of images are averaged
    again = Counted()
    draw(project.root / "data/train/new.png", 77)
    profiled(project, progress=again)
    assert again.total == pytest.approx(again.done, abs=20)


class Counted:
    """Adds up the amounts of the task `profile`."""

    def __init__(self) -> None:
        self.total = self.done = 0

    @contextmanager
    def task(self, label: str, *, total: int | None = None, unit: str = "B") -> Iterator[Task]:
        if label != "profile":
            with SILENT.task(label, total=total) as task:
                yield task
            return
        self.total += total or 0
        yield self

    def advance(self, amount: int) -> None:
        self.done += amount

    def grow(self, amount: int) -> None:
        self.total += amount
