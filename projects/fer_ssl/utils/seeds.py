from __future__ import annotations

import numpy as np


def mixed_seed(*numbers: int) -> int:
    """Seed below 2**32 that is a function of all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
