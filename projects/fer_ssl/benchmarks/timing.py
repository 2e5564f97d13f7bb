"""Measuring several ways of doing the same in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np

from ..utils.tables import markdown_table


@dataclass
class Speed:
    """Rates of one way over the rounds.

    Attributes:
        name: The way.
        rates: Units per second, of each round.
        ratios: Rate divided by that of the reference, of each round.
    """

    name: str
    rates: list[float]
    ratios: list[float]


def in_turns(
    ways: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """What each way returns in each round.

    In a round all ways are measured one after another, so that what else the
    machine does falls on all; every other round goes the other way round.
    """
    found = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            found[name].append(ways[name]())
    return found


def take_turns(
    ways: Mapping[str, Callable[[], float]], rounds: int
) -> list[Speed]:
    """Measure the rates of all ways, :func:`in_turns`.

    Args:
        ways: Functions that do the work and return its rate, by name. The
            first one is the reference.
        rounds: How often each is measured.

    Returns:
        The reference first.
    """
    rates = in_turns(ways, rounds)
    reference = next(iter(rates.values()))
    return [
        Speed(name, own, [a / b for a, b in zip(own, reference)])
        for name, own in rates.items()
    ]


def describe(speeds: Sequence[Speed], what: str, unit: str) -> str:
    """Table with median, least and greatest of rates and ratios.

    Args:
        speeds: The reference first.
        what: What the ways are, head of the first column.
        unit: Of the rates.
    """
    head = [what, unit, 'least', 'most']
    head += [f'ratio to {speeds[0].name}', 'least', 'most']
    lines = []
    for speed in speeds:
        cells = [
            f'{function(values):.{digits}f}'
            for values, digits in ((speed.rates, 1), (speed.ratios, 2))
            for function in (np.median, min, max)
        ]
        lines.append([speed.name, *cells])
    return markdown_table(head, lines)
