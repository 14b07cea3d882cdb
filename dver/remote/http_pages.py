"""What web servers answer when asked what they have: a web page of links, or S3's XML. Bytes to names, no requests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit
from xml.etree import ElementTree

PAGE_MAX: Final = 64 << 20
"""Bytes of the largest page that is read: some hundred thousand names."""

_TITLE: Final = re.compile(r"\b(index of|directory listing|listing of)\b", re.IGNORECASE)
# What nginx writes after a link. Others round their sizes, and are asked file by file.
_EXACT_SIZE: Final = re.compile(r"\s*\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d\s+(\d{1,18})\s*")


class Link(NamedTuple):
    """Something in a folder. `size` is in bytes, None where the page does not tell it exactly."""

    name: str
    is_folder: bool
    size: int | None


@dataclass(frozen=True, slots=True)
class Folder:
    """A page that lists a folder. `titled`: it says so itself."""

    links: tuple[Link, ...]
    titled: bool


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.heading = ""
        self.links: list[tuple[str, str]] = []
        """Addresses, each with the text between the end of the link and the next one."""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("title", "h1", "a") else self._inside
        if tag == "a" and (href := dict(attrs).get("href")):
            self.links.append((href, ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag in ("title", "h1", "a") else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside in ("title", "h1"):
            self.heading += f" {data}"
        elif not self._inside and self.links:
            href, text = self.links[-1]
            self.links[-1] = href, text + data


def parse_folder(content: bytes, url: str) -> Folder:
    """The web page at `url`, as the list of a folder: only links to what lies directly in it count."""
    page = _Page()
    page.feed(content.decode("utf-8", "surrogateescape"))
    page.close()
    here = urlsplit(url)
    top = here.path if here.path.endswith("/") else f"{here.path}/"
    found: dict[str, Link] = {}
    for href, text in page.links:
        try:
            there = urlsplit(urljoin(f"{here.scheme}://{here.netloc}{top}", href))
        except ValueError:
            continue
        link = _link(unquote(there.path), unquote(top), text)
        if there.netloc == here.netloc and not there.query and link is not None:
            found.setdefault(link.name, link)
    return Folder(tuple(found.values()), titled=_TITLE.search(page.heading) is not None)


def _link(path: str, top: str, text: str) -> Link | None:
    if not path.startswith(top):
        return None
    name = path.removeprefix(top)
    is_folder = name.endswith("/")
    name = name.removesuffix("/")
    if not name or "/" in name:
        return None
    size = None if is_folder else _EXACT_SIZE.fullmatch(text)
    return Link(name, is_folder, int(size[1]) if size else None)


class BucketPage(NamedTuple):
    """A part of what a bucket has: keys and sizes, and what to add to the query for the next one."""

    objects: list[tuple[str, int]]
    more: dict[str, str]


def parse_bucket(content: bytes) -> BucketPage | None:
    """An S3 server's answer to ListObjects, of either version; None if it is none."""
    try:
        top = ElementTree.fromstring(content)  # noqa: S314 - expat limits what entities may grow to
    except ElementTree.ParseError:
        return None
    if _plain(top.tag) != "ListBucketResult":
        return None
    objects: list[tuple[str, int]] = []
    about: dict[str, str] = {}
    for element in top:
        name = _plain(element.tag)
        if name != "Contents":
            about[name] = element.text or ""
            continue
        fields = {_plain(field.tag): field.text or "" for field in element}
        if fields.get("Key") and re.fullmatch("[0-9]{1,18}", fields.get("Size", "")):
            objects.append((fields["Key"], int(fields["Size"])))
    return BucketPage(objects, _more(about, objects))


def _more(about: dict[str, str], objects: list[tuple[str, int]]) -> dict[str, str]:
    if about.get("IsTruncated") != "true":
        return {}
    if token := about.get("NextContinuationToken"):
        return {"continuation-token": token}
    marker = about.get("NextMarker") or (objects[-1][0] if objects else "")
    return {"marker": marker} if marker else {}


def _plain(tag: str) -> str:
    """Without the namespace, which servers do not agree on."""
    return tag.rpartition("}")[2]
