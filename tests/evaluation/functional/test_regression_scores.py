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


@pytest.mark.parametrize('std', [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize('scale', [1e-6, 1, 1e6])
def test_concordance_of_almost_constant_annotations(std, scale):
    rng = np.random.default_rng(1)
    truth = 0.3 + std * rng.normal(size=(2000, 2))
    predicted = truth + 0.1 * std * rng.normal(size=(2000, 2))
    truth, predicted = scale * truth, scale * predicted
    expected = reference_ccc(truth, predicted)
    assert (expected > 0.99).all()
    parts = np.array_split(np.arange(2000), 7)
    total = sum(concordance_sums(truth[i], predicted[i]) for i in parts)
    np.testing.assert_allclose(concordance(total), expected, rtol=1e-5)


@pytest.mark.parametrize('size', [1, 9, 100_000])
@pytest.mark.parametrize('value', [0.0, 0.1, -0.7])
def test_concordance_of_a_constant_is_zero(size, value):
    same = np.full((size, 2), value)
    other = np.random.default_rng(0).normal(size=(size, 2))
    for truth, predicted in (
        (same, same),
        (same, np.float64(np.float32(same))),
        (same, same + 0.1),
        (same, other),
        (other, same),
    ):
        total = 3 * concordance_sums(truth, predicted)
        assert concordance(total).tolist() == [0, 0]
