from __future__ import annotations

import numpy as np


def mixed_seed(*numbers: int) -> int:
    """Return a seed below 2**32 that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
