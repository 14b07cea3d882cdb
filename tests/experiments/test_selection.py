from __future__ import annotations

import pytest

from dver.core.errors import UsageError
from dver.experiments.selection import find_experiment, find_experiments
from dver.formats.experiment import Experiment, ExperimentStatus


def an_experiment(name: str, digit: str) -> Experiment:
    return Experiment(
        id=digit * 32, name=name, status=ExperimentStatus.DONE, baseline="a" * 40, commit=digit * 40, updated=1
    )


ONE, TWO, THREE = an_experiment("calm-fox", "1"), an_experiment("same", "2"), an_experiment("same", "3")
ALL = [ONE, TWO, THREE]


def test_names_ids_and_commits_find_an_experiment() -> None:
    assert find_experiment(ALL, "calm-fox") is ONE
    assert find_experiment(ALL, "2222") is TWO
    assert find_experiment(ALL, "3" * 40) is THREE
    assert find_experiments(ALL, ["calm-fox", "1111"]) == [ONE]


def test_an_own_experiment_wins_over_others_of_its_name() -> None:
    assert find_experiment(ALL, "same", is_own=lambda one: one is THREE) is THREE
    with pytest.raises(UsageError, match="names 2 experiments") as caught:
        find_experiment(ALL, "same", is_own=lambda one: False)
    assert caught.value.fix == "use an id, such as 22222222"


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        find_experiment(ALL, "calm-fx")
    assert caught.value.fix == "did you mean calm-fox?"
    with pytest.raises(UsageError):
        find_experiment(ALL, "11")
