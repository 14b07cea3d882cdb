"""Pictures in the Markdown of a report. It may come from a stranger."""

from __future__ import annotations

import os
from pathlib import Path

from dver.ci.hosts.pictures import PICTURES_MAX, SIZE_MAX, find_pictures, show_pictures

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


def test_pictures_below_the_directory_are_found_by_their_links(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "loss of a.png").write_bytes(PNG)
    text = r"![loss \[val\]](pictures/loss%20of%20a.png) and ![web](https://e.org/a.png)"
    assert {link: one.content for link, one in find_pictures(text, tmp_path).items()} == {
        "pictures/loss%20of%20a.png": PNG
    }


def test_pictures_of_one_content_have_one_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PNG)
    found = find_pictures("![](a.png)![](b.png)", tmp_path)
    assert len(found) == 2
    assert len({one.name for one in found.values()}) == 1


def test_files_outside_of_the_directory_are_not_published(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    top = tmp_path / "report"
    top.mkdir()
    (top / "link.png").symlink_to("../secret.png")
    (top / "up").symlink_to("..")
    links = ["../secret.png", "link.png", "up/secret.png", "%2e%2e/secret.png", str(tmp_path / "secret.png"), "a%00b"]
    assert find_pictures("".join(f"![x]({link})" for link in links), top) == {}


def test_only_png_files_are_published(tmp_path: Path) -> None:
    (tmp_path / "env.png").write_bytes(b"TOKEN=secret")
    (tmp_path / "big.png").write_bytes(PNG + bytes(SIZE_MAX))
    (tmp_path / "dir.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    text = "![x](env.png)![x](big.png)![x](dir.png)![x](pipe.png)![x](missing.png)"
    assert find_pictures(text, tmp_path) == {}


def test_the_number_of_pictures_is_limited(tmp_path: Path) -> None:
    for number in range(PICTURES_MAX + 1):
        (tmp_path / f"{number}.png").write_bytes(PNG)
    text = "".join(f"![x]({number}.png)" for number in range(PICTURES_MAX + 1))
    assert len(find_pictures(text, tmp_path)) == PICTURES_MAX


def test_a_picture_without_a_url_is_replaced_by_a_note() -> None:
    text = "![a](a.png) ![](b.png) ![web](https://e.org/x.png) [link](a.png)"
    assert show_pictures(text, {"a.png": "/uploads/1/a.png"}, "left out") == (
        "![a](/uploads/1/a.png) *picture: left out* ![web](https://e.org/x.png) [link](a.png)"
    )
