"""Two clones and hundreds of random steps, beside the same steps where Git itself holds the data.

So the model of what each checkout must contain is Git: each project has a twin whose data is committed as it is, and
every step is taken in both. They must succeed or fail alike, and afterwards hold the same files. Four rules make that
exact, where Git goes another way than dver:

- All data of the twin is binary, so that files merge whole; nothing has the content of something else.
- Git's guesses about renames are switched off in both. What is renamed at random is never changed, and then it makes no
  difference; two steps rename on one side what the other changes, and switch them on (tests/gitmodel/history.py).
- Directories that are moved and removed as a whole are never changed: conflicts of pointers are as large as the data.
- Unsaved changes are made in the real one alone. The twin takes the step as if there were none; the real one has
  to hold what the twin does, and these changes over it.

DVER_GIT_SEED=7 runs one seed, DVER_GIT_SEEDS=30 the first thirty; DVER_GIT_STEPS=200 says how far (docs/testing.md).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from githooks import put_dver_on_path
from gitmodel.begin import begin, look_at_all
from gitmodel.steps import step

STEPS = int(os.environ.get("DVER_GIT_STEPS", "16"))
SEED = os.environ.get("DVER_GIT_SEED")
SEEDS = [int(SEED)] if SEED else range(int(os.environ.get("DVER_GIT_SEEDS", "2")))


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_data_is_always_what_git_would_have_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    put_dver_on_path(tmp_path / "bin", monkeypatch)
    world = begin(tmp_path, seed)
    try:
        for _ in range(STEPS):
            step(world)
        look_at_all(world)
    except BaseException as error:
        error.add_note("\n".join([f"seed {seed}, step {world.steps}; all steps so far:", *world.log]))
        raise
