import numpy as np
import pytest

from fer_ssl.datasets.videos.feature_store import (
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
    for row, count in ((0, len(values)), (1, 2), (2, 0)):
        expected = store.features[row : row + count]
        np.testing.assert_array_equal(store.read(row, count), expected)
    assert store.valid.tolist() == [True, False, True, True, False, True]


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


def test_old_store_without_valid_frames(tmp_path):
    writer = FeatureStoreWriter(str(tmp_path))
    writer.create(1, 2)
    writer.finish(INDEX)
    (tmp_path / 'valid.npy').unlink()
    assert FeatureStore(str(tmp_path)).valid is None


def test_errors_name_the_tool_of_the_stream(tmp_path):
    writer = FeatureStoreWriter(str(tmp_path))
    writer.create(3, 2)
    videos = dict(a=dict(offset=0, num_frames=3))
    writer.finish(dict(recipe=dict(tool='tools/other.py'), videos=videos))
    store = FeatureStore(str(tmp_path))
    assert store.student_sha256 is None
    images = np.array([b'1', b'', b'3', b'4'])
    assert store.rows_of(['a'], np.array([0, 3]), images).tolist() == [0]
    for names, stop, message in (
        (['b'], 3, "no features of video 'b'. Run tools/other.py again"),
        (['a'], 4, "'a' had 3 frames .* now it has 4.*Run tools/other.py"),
    ):
        with pytest.raises(ValueError, match=message):
            store.rows_of(names, np.array([0, stop]), images)
