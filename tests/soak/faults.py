"""Faults: what happens to cameras and their network, and in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.soak.site import Group

LOSS = 0.05
"""A radio link on a bad day. TCP hides it by sending again; over UDP pictures arrive damaged."""

NARROW = 0.4
"""Share of what a group sends that still fits through its cable."""

DELAY_MS, JITTER_MS = 150, 50

BLIP_S = 0.3
"""Shorter than the shortest first wait, 0.5 s: the first try again already finds the camera."""

SHORTEST_S = 8.0
"""Longer than it takes to say that a camera is lost."""


@dataclass(frozen=True)
class Fault:
    """One kind of it.

    Attributes:
        name: In the table.
        begin: Do it to a group.
        end: Take it back; the group is back when this returns.
        is_loss: No picture comes through meanwhile: the box has to say so.
        is_blip: Over before anybody tries again.
    """

    name: str
    begin: Callable[[Group], None]
    end: Callable[[Group], None]
    is_loss: bool = True
    is_blip: bool = False


def _mend(group: Group) -> None:
    group.cable.mend()


def _lose(group: Group) -> None:
    group.cable.lose(LOSS)


def _restore_power(group: Group) -> None:
    group.start()
    group.cable.mend()


def _cut_power(group: Group) -> None:
    group.cable.cut()  # first: a camera without power says no goodbye
    group.server.kill()


POWER_CUT = Fault("power cut", _cut_power, _restore_power)

ONE_GROUP = (
    Fault("blip", lambda group: group.cable.refuse(), _mend, is_loss=False, is_blip=True),
    Fault("killed", lambda group: group.server.kill(), lambda group: group.start()),
    Fault("stalled", lambda group: group.server.freeze(), lambda group: group.server.thaw()),
    Fault("cable cut", lambda group: group.cable.cut(), _mend),
    Fault("refused", lambda group: group.cable.refuse(), _mend),
    Fault(
        "throttled",
        lambda group: group.cable.narrow(round(NARROW * group.kbit_s * len(group.sources))),
        _mend,
        is_loss=False,
    ),
    Fault("packet loss", _lose, _mend, is_loss=False),
)
DELAYED = Fault(
    "delayed", lambda group: group.cable.delay(DELAY_MS, JITTER_MS), _mend, is_loss=False
)


@dataclass(frozen=True)
class Planned:
    """One fault to come.

    Attributes:
        fault: What.
        groups: To whom, by number.
        lasts_s: How long.
    """

    fault: Fault
    groups: tuple[int, ...]
    lasts_s: float


def n_kinds(*, can_delay: bool) -> int:
    """How many faults make one round, in which each kind happens once."""
    return len(ONE_GROUP) + can_delay + 1


def schedule(seed: int, n_groups: int, longest_s: float, *, can_delay: bool) -> Iterator[Planned]:
    """Faults for ever, round after round; the same for the same seed.

    Each kind happens to one group once a round, and last the power of the whole site is cut. No
    group has two in a row, so that it is steady again when the next one comes.

    Args:
        seed: Of the order, the groups and the durations.
        n_groups: How many there are, at least two.
        longest_s: Of a fault; the shortest is `SHORTEST_S`.
        can_delay: Whether packets can be delayed here.
    """
    chance = random.Random(seed)
    kinds = [*ONE_GROUP, *([DELAYED] if can_delay else [])]
    rested = list(range(n_groups))
    while True:
        chance.shuffle(kinds)
        for fault in kinds:
            group = chance.choice(rested[: max(1, n_groups // 2)])
            rested.remove(group)
            rested.append(group)
            lasts_s = BLIP_S if fault.is_blip else chance.uniform(SHORTEST_S, longest_s)
            yield Planned(fault, (group,), lasts_s)
        lasts_s = chance.uniform(SHORTEST_S, longest_s)
        yield Planned(POWER_CUT, tuple(range(n_groups)), lasts_s)
