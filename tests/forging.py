"""A remote whose recipe of a large file leads to another content. Importable from every test."""

from __future__ import annotations

import os
from pathlib import Path

from workspaces import Project, write

from dver.core.oid import Oid
from dver.formats import recipe
from dver.formats.pack import Codec, ObjectKind
from dver.formats.remote_index import IndexRow, PackRef, RemoteIndex
from dver.ops.share.remote import add as add_remote
from dver.remote.index.keys import pack_key
from dver.remote.storage import FileBody
from dver.store.objects.file_creation import ScratchDirectory
from dver.store.objects.packs import PackWriter
from dver.tracking.targets import tracked_in_worktree

MIB = 1 << 20
GOOD = os.urandom(3 * MIB)
EVIL = os.urandom(3 * MIB)


def forged_project(directory: Path) -> Project:
    """A project with GOOD at data/big.bin. Its remote has another recipe of it, which lists chunks of EVIL."""
    project = Project.make(directory / "project")
    write(project.root, {"data/big.bin": GOOD})
    project.save("data")
    chunks = [EVIL[start : start + MIB] for start in range(0, len(EVIL), MIB)]
    with project.opened() as repo:
        add_remote(repo, "origin", os.fspath(directory / "remote"), default=True)
        root = tracked_in_worktree(repo)[b"data"].entry.oid
        catalog = repo.remotes.catalog(None)
        with PackWriter(ScratchDirectory(directory)) as writer:
            for chunk in chunks:
                writer.add(Oid.of(chunk), ObjectKind.BLOB, Codec.RAW, MIB, chunk)
            payload = recipe.encode([recipe.Chunk(Oid.of(chunk), MIB) for chunk in chunks])
            writer.add(Oid.of(GOOD), ObjectKind.BLOB, Codec.CHUNKED, len(GOOD), payload)
            tree = repo.store.read(root)
            writer.add(root, ObjectKind.TREE, Codec.RAW, len(tree), tree)
            name = writer.seal()
            catalog.storage.put(pack_key(name), FileBody(writer.path))
            pack = PackRef(name, FileBody(writer.path).size)
            rows = [IndexRow(row.oid, 0, *row[1:6]) for row in writer.rows]
        catalog.publish(RemoteIndex((root,), (pack,), tuple(sorted(rows))))
    project.commit("A remote")
    return project
