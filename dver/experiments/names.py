"""Names of experiments: checked ones of the user, and two memorable words by default."""

from __future__ import annotations

import random
from collections.abc import Container
from typing import Final

from dver.core.errors import UsageError

MAX_LENGTH: Final = 200
"""The most characters of a name."""

_TRIES: Final = 20

_FIRST: Final = (
    "able agile amber ample apt avid azure balmy bold brave brief bright brisk calm candid cheery civil clear "
    "clever cosy crisp curly deft dewy eager early easy exact fair fast fine firm fleet fluent fond frank fresh "
    "gentle glad golden good grand green handy happy hardy hasty hearty honest humble icy ideal jolly just keen "
    "kind large late lean light lively local long loud loyal lucid lucky lunar mellow merry mild mint misty "
    "modest neat new nimble noble novel open pale patient plain plucky polite prime prompt proud pure quick quiet "
    "rapid rare ready regal ripe robust rosy round royal rustic safe sandy serene sharp shiny silent silver "
    "simple sleek slim smart smooth snowy social solar solid sound spry stable steady still stout strong sunny "
    "swift tall tame tidy tiny tranquil true upbeat urban vast velvet vivid warm wary wise witty young zesty"
)
_SECOND: Final = (
    "acorn alder aspen badger bamboo bay beacon beaver birch bison breeze brook canyon cedar cliff cloud clover "
    "comet condor coral cove crane creek cricket crow cypress dale dawn deer delta dingo dolphin dove dune eagle "
    "egret elk elm ember falcon fern field finch fjord forest fox frost gale garden gecko glacier glade goose "
    "grove gull harbor hare hawk hazel heron hill ibex ibis iris island ivy jay juniper kestrel kiwi koala lagoon "
    "lake lark laurel leaf lemur lichen lily linden llama lotus lynx magpie maple marsh marten meadow mesa mole "
    "moon moose moss moth newt oak oasis ocean olive orchid oriole osprey otter owl palm panda pebble pelican "
    "petal pine plover pond poplar prairie puffin quail rain raven reed reef ridge river robin rook rose sage "
    "salmon sequoia shore sky sparrow spruce squid star stone stork storm summit swan swift tern thistle thrush "
    "tide tiger toucan trout tulip turtle valley violet walrus wave weasel whale willow wind wolf wren yak yew "
    "zebra"
)


def new_name(taken: Container[str]) -> str:
    """Two random words that are not `taken`; with a number if the words run out."""
    chosen, name = random.SystemRandom(), ""
    first, second = _FIRST.split(), _SECOND.split()
    for _ in range(_TRIES):
        name = f"{chosen.choice(first)}-{chosen.choice(second)}"
        if name not in taken:
            return name
    while (numbered := f"{name}-{chosen.randrange(2, 1_000_000)}") in taken:
        pass
    return numbered


def numbered_names(name: str, count: int, taken: Container[str]) -> list[str]:
    """`count` names for a grid: `name-1`, `name-2` and so on, without those that are `taken`."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        if (one := f"{name}-{number}") not in taken:
            found.append(one)
    return found


def check_name(name: str) -> str:
    """Return `name`. Raises UsageError for a name that is empty, too long, starts with `-` or is not printable."""
    reason = None
    if not name.strip():
        reason = "it is empty"
    elif len(name) > MAX_LENGTH:
        reason = f"it has more than {MAX_LENGTH} characters"
    elif name.startswith("-"):
        reason = "it starts like an option"
    elif not name.isprintable() or name != name.strip():
        reason = "it has line breaks, control characters, or spaces at its ends"
    if reason is not None:
        raise UsageError(
            f"{name!r} cannot be the name of an experiment", why=reason, fix="choose another name: -n NAME"
        )
    return name
