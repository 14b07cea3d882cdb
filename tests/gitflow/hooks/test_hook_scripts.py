from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from dver.core.errors import ConflictError
from dver.gitflow.hooks.hook_scripts import (
    HOOKS,
    HookAction,
    HookState,
    HookStep,
    InstalledHooks,
    apply_steps,
    hook_line,
    hook_script,
    plan_install,
    plan_uninstall,
)

FOLDER = Path("hooks")


def setup(
    states: dict[str, HookState] | None = None,
    *,
    default: HookState = HookState.OURS,
    elsewhere: bool = False,
    scripts: Path = FOLDER,
    kept: Collection[str] = (),
    framework: Collection[str] = (),
    named: Collection[str] = (),
    called: Collection[str] = (),
    doubled: Collection[str] = (),
) -> InstalledHooks:
    hooks = dict.fromkeys(HOOKS, default) | (states or {})
    sets = (frozenset(one) for one in (kept, called, named, framework, doubled))
    return InstalledHooks(FOLDER, elsewhere, scripts, hooks, *sets)


def test_a_new_clone_gets_all_hooks() -> None:
    found = plan_install(setup(default=HookState.ABSENT))
    assert found == [HookStep(name, HookAction.WRITE) for name in HOOKS]


def test_complete_hooks_are_left_alone() -> None:
    assert plan_install(setup()) == []


def test_an_edited_hook_is_replaced_and_a_foreign_one_kept() -> None:
    found = plan_install(setup({"pre-push": HookState.CHANGED, "post-merge": HookState.FOREIGN}))
    assert found == [HookStep("post-merge", HookAction.KEEP_AND_WRITE), HookStep("pre-push", HookAction.WRITE)]


def test_two_hooks_before_that_of_dver_are_a_conflict() -> None:
    with pytest.raises(ConflictError, match=r"hook pre-push, and pre-push\.before-dver already exists"):
        plan_install(setup({"pre-push": HookState.FOREIGN}, kept=["pre-push"]))


def test_a_kept_hook_of_a_deleted_one_is_no_conflict() -> None:
    found = plan_install(setup({"pre-push": HookState.ABSENT}, kept=["pre-push"]))
    assert found == [HookStep("pre-push", HookAction.WRITE)]


def test_hooks_that_the_framework_runs_are_left_to_it() -> None:
    state = setup(framework=["pre-push"], named=["pre-push", "pre-commit"], doubled=["pre-push"])
    assert plan_install(state) == [
        HookStep("pre-push", HookAction.REMOVE_MOVED),
        HookStep("pre-push", HookAction.REMOVE),
    ]
    assert "pre-push" not in (*state.placed, *state.by_hand)
    assert state.pending == ("pre-commit",)


def test_nothing_is_written_to_a_directory_outside_of_the_clone() -> None:
    state = setup(default=HookState.ABSENT, elsewhere=True, called=["pre-push"])
    assert (plan_install(state), plan_uninstall(state)) == ([], [])
    assert state.by_hand == tuple(name for name in HOOKS if name != "pre-push")


def test_beside_husky_only_the_hook_that_it_does_not_know_is_written() -> None:
    state = setup(default=HookState.ABSENT, elsewhere=True, scripts=FOLDER.parent)
    assert plan_install(state) == [HookStep("post-index-change", HookAction.WRITE)]
    assert "post-index-change" not in state.by_hand


def test_uninstalling_restores_kept_hooks_and_leaves_foreign_ones() -> None:
    states = {"pre-push": HookState.FOREIGN, "post-merge": HookState.ABSENT, "pre-commit": HookState.CHANGED}
    found = plan_uninstall(setup(states, kept=["pre-push", "post-merge", "pre-commit"]))
    assert dict(found) == {
        "pre-commit": HookAction.BRING_BACK,
        "post-merge": HookAction.BRING_BACK,
        **dict.fromkeys(("post-checkout", "post-rewrite", "post-index-change", "post-applypatch"), HookAction.REMOVE),
    }


def test_steps_write_executable_hooks_and_bring_back_the_old_ones(tmp_path: Path) -> None:
    hooks = tmp_path / "new" / "hooks"
    apply_steps([HookStep("pre-push", HookAction.WRITE)], hooks)
    assert (hooks / "pre-push").read_bytes() == hook_script("pre-push")
    assert os.access(hooks / "pre-push", os.X_OK)
    (hooks / "pre-commit").write_text("mine")
    apply_steps([HookStep("pre-commit", HookAction.KEEP_AND_WRITE)], hooks)
    assert (hooks / "pre-commit.before-dver").read_text() == "mine"
    apply_steps([HookStep("pre-commit", HookAction.BRING_BACK), HookStep("pre-push", HookAction.REMOVE)], hooks)
    assert [(one.name, one.read_text()) for one in hooks.iterdir()] == [("pre-commit", "mine")]


@pytest.mark.parametrize("action", [HookAction.WRITE, HookAction.REMOVE])
def test_edited_hooks_are_renamed_and_never_overwritten(tmp_path: Path, action: HookAction) -> None:
    for text in ("first", "second"):
        (tmp_path / "pre-push").write_text(text)
        apply_steps([HookStep("pre-push", action)], tmp_path)
    assert (tmp_path / "pre-push.edited").read_text() == "first"
    assert (tmp_path / "pre-push.edited.2").read_text() == "second"


def test_an_unknown_hook_has_no_script() -> None:
    with pytest.raises(FileNotFoundError, match="'pre-receive' is missing from this installation"):
        hook_script("pre-receive")


def test_the_frequent_hook_starts_dver_only_after_changes_of_files() -> None:
    assert hook_line("pre-push") == 'dver hook pre-push "$@"'
    assert hook_line("post-index-change") == '[ "$1" != 1 ] || dver hook post-index-change "$@"'
