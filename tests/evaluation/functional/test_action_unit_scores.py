import numpy as np
import pytest

from fer_ssl.evaluation import action_unit_counts, action_unit_f1


def test_action_units_ignore_by_column():
    truth = np.array([[1, -1], [0, 1], [1, -1], [-1, 0]])
    active = np.array([[1, 1], [1, 0], [0, 1], [1, 0]], dtype=bool)
    counts = action_unit_counts(truth, active)
    np.testing.assert_array_equal(counts, [[1, 1, 1], [0, 0, 1]])
    np.testing.assert_allclose(action_unit_f1(counts), [0.5, 0])
    with pytest.raises(ValueError, match='truth 2 of an action unit'):
        action_unit_counts(truth + 1, active)
    with pytest.raises(ValueError, match='must be two'):
        action_unit_counts(truth, active[:3])
