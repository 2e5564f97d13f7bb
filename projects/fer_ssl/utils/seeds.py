from __future__ import annotations

import numpy as np


def mixed_seed(*numbers: int) -> int:
    """Return a seed below 2**32 that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def spread_seed(seed: int) -> int:
    """Seed below 2**31 to which the number of an epoch can be added.

    Multiples of the golden ratio keep neighboring seeds far apart, so that
    ``spread_seed(seed) + epoch`` is another number for every pair, which
    ``seed + epoch`` is not. 0 stays 0.
    """
    return seed * 1327217885 % 2**31
