import numpy as np
import pytest

from fer_ssl.datasets.feature_store import (
    FeatureStore,
    FeatureStoreWriter,
    read_index,
)

INDEX = dict(recipe=dict(student_sha256='ab' * 32), videos={})


def test_two_writers_of_disjoint_rows(tmp_path):
    path = str(tmp_path / 'store')
    first, second = FeatureStoreWriter(path), FeatureStoreWriter(path)
    first.create(6, 3)
    values = np.random.default_rng(0).normal(size=(6, 3)).astype('f4')
    first.write(np.array([0, 2]), values[[0, 2]])
    second.write(np.array([3, 5]), values[[3, 5]])
    first.flush()
    second.flush()
    assert read_index(path) is None
    first.finish(INDEX)
    store = FeatureStore(path)
    assert store.dim == 3 and store.student_sha256 == 'ab' * 32
    assert store.features.dtype == np.float16
    values[[1, 4]] = 0  # never written
    np.testing.assert_array_equal(store.features, values.astype('f2'))
    assert isinstance(store.features, np.memmap)


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e6])
def test_features_beyond_float16_are_an_error(tmp_path, value):
    writer = FeatureStoreWriter(str(tmp_path))
    writer.create(1, 2)
    with pytest.raises(ValueError, match='not finite in float16'):
        writer.write(np.array([0]), np.array([[0, value]], dtype='f4'))


def test_a_store_being_replaced_is_not_finished(tmp_path):
    path = str(tmp_path)
    writer = FeatureStoreWriter(path)
    writer.create(1, 2)
    writer.finish(INDEX)
    FeatureStore(path)
    FeatureStoreWriter(path).create(1, 2)
    with pytest.raises(FileNotFoundError, match='not finished'):
        FeatureStore(path)
