"""Property: apply makes the workspace the experiment, and undo brings it back byte for byte, whatever was in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from applying import (
    Node,
    Version,
    apply_commit,
    assert_is_commit,
    assert_same,
    commit_of,
    new_project,
    put,
    remove,
    snapshot,
    undo_step,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from workspaces import Project

EXAMPLES = int(os.environ.get("DVER_APPLY_EXAMPLES", "15"))

NAMES = [b"a", b"b", b"a/c", b"a/d/e", b"b/f", b"new\nline", b"\xff\xfe", b"x.log", b"a/y.log", b"data/q", b"sp ace"]
names = st.sampled_from(NAMES)
contents = st.sampled_from([b"one\n", b"two\n", b"three\r\nlines\n", b"", b"\0\xff"])
# No link leads to itself: Git does not notice the files that it hides.
nodes = st.one_of(st.builds(Node, st.sampled_from("--x"), contents), st.just(Node("l", b"none")))


def _consistent(files: dict[bytes, Node], data: int | None) -> Version:
    """Without files below files; nothing of Git's is below `data` if it is tracked."""
    found: dict[bytes, Node] = {}
    for path, node in files.items():
        above = path.split(b"/")
        parents = [b"/".join(above[:length]) for length in range(1, len(above))]
        if any(one in found for one in parents) or any(one.startswith(path + b"/") for one in found):
            continue
        if data is not None and path.startswith(b"data"):
            continue
        found[path] = node
    return Version(found, data)


versions = st.builds(
    _consistent, st.dictionaries(names, nodes, max_size=6), st.one_of(st.none(), st.sampled_from([0, 1, 2]))
)
changes_of_data = st.tuples(
    st.just("data"), st.sampled_from([b"x", b"sub/new", b"z"]), st.sampled_from([b"edited\n", None])
)
edits = st.one_of(
    st.tuples(st.just("put"), names, nodes),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("stage"), names),
    st.tuples(st.just("intend"), names),
    st.tuples(st.just("unstage"), names),
    st.tuples(st.just("mode"), names, st.sampled_from([0o600, 0o755, 0o444])),
    st.tuples(st.just("directory"), st.sampled_from([b"empty", b"a/empty", b"data/empty", b"b"])),
    changes_of_data,
)
of_git = st.sampled_from([name for name in NAMES if not name.endswith(b".log") and not name.startswith(b"data")])
later_edits = st.one_of(
    st.tuples(st.just("put"), of_git, nodes),
    st.tuples(st.just("remove"), of_git),
    st.tuples(st.just("stage"), of_git),
    changes_of_data,
)
"""Changes after an apply. Undo leaves ignored files and empty directories alone that were made since."""


def _edit(project: Project, edit: tuple[object, ...]) -> None:
    """Change the workspace as users do; what cannot be done is left out."""
    root, kind = project.root, edit[0]
    path = edit[1]
    assert isinstance(path, bytes)
    full = os.path.join(os.fsencode(root), path)
    if kind == "put":
        assert isinstance(edit[2], Node)
        put(root, path, edit[2])
    elif kind == "remove":
        remove(root, path)
    elif kind == "directory" and not os.path.lexists(full) and os.path.isdir(os.path.dirname(full)):
        os.mkdir(full)
    elif kind == "mode" and os.path.isfile(full) and not os.path.islink(full):
        assert isinstance(edit[2], int)
        os.chmod(full, edit[2])
    elif kind == "data" and (root / "data").is_dir():
        place = b"data/" + path
        if edit[2] is None:
            remove(root, place)
        else:
            assert isinstance(edit[2], bytes)
            put(root, place, Node("-", edit[2]))
    else:
        args = {"stage": ["add", "-A"], "intend": ["add", "-N"], "unstage": ["reset", "-q"]}.get(str(kind))
        if args is not None:
            env = {**os.environ, "GIT_LITERAL_PATHSPECS": "1"}
            subprocess.run(["git", *args, b"--", path], cwd=root, env=env, check=False, capture_output=True)


# Each example takes too long to search for a smaller one.
@settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate])
@given(base=versions, wanted=versions, changes=st.lists(edits, max_size=6), later=st.lists(later_edits, max_size=2))
def test_undo_brings_back_every_byte(
    base: Version, wanted: Version, changes: list[tuple[object, ...]], later: list[tuple[object, ...]]
) -> None:
    with TemporaryDirectory(prefix="dver-test-apply-") as folder:
        project = new_project(Path(folder) / "repo", base)
        commit = commit_of(project, wanted)
        for edit in changes:
            _edit(project, edit)
        before = snapshot(project)
        apply_commit(project, commit)
        assert_is_commit(project, commit, wanted)
        for edit in later:
            _edit(project, edit)
        after = snapshot(project)
        undo_step(project)
        # The time and the mode of a file that the apply left alone, and that was edited afterwards, are unknown.
        assert_same(snapshot(project), before, exact=not later)
        undo_step(project, redo=True)
        assert_same(snapshot(project), after)
        undo_step(project)
        assert_same(snapshot(project), before, exact=not later)
