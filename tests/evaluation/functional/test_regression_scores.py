import numpy as np
import pytest

from fer_ssl.evaluation import concordance, concordance_sums
from tests.helpers.reference_scores import reference_ccc


def test_concordance_of_parts_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    truth, scores = rng.uniform(-1, 1, (2, 1000, 2)).astype(np.float32)
    truth[rng.random((1000, 2)) < 0.2] = -5
    parts = np.array_split(np.arange(1000), [1, 70, 500])
    total = sum(concordance_sums(truth[i], scores[i]) for i in parts)
    expected = reference_ccc(np.float64(truth), np.float64(scores))
    np.testing.assert_allclose(concordance(total), expected, rtol=1e-6)


def test_concordance_of_constants_is_a_number():
    one = np.full((9, 2), 0.7)
    for truth, predicted in ((one, one), (one, -one), (one[:0], one[:0])):
        value = concordance(concordance_sums(truth, predicted))
        np.testing.assert_allclose(value, 0, atol=1e-6)
    line = np.linspace(-1, 1, 50)[:, None].repeat(2, axis=1)
    value = concordance(concordance_sums(line, line))
    np.testing.assert_allclose(value, 1, atol=1e-6)
    value = concordance(concordance_sums(line, -line))
    np.testing.assert_allclose(value, -1, atol=1e-6)
    with pytest.raises(ValueError, match='must be two'):
        concordance_sums(line, line[:, 0])
