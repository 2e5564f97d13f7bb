from collections import Counter
from itertools import islice
from unittest.mock import patch

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope

from fer_ssl.datasets import ClassBalancedSampler, InfiniteShuffleSampler
from fer_ssl.datasets.samplers import SeededEpochSampler
from fer_ssl.utils.seeds import spread_seed

SIZES = (50, 3, 17, 8, 1, 9, 30)
LABELS = np.repeat(np.arange(len(SIZES)), SIZES)


class Labeled:
    metainfo = dict(classes=tuple('abcdefg'))

    def __init__(self, labels=LABELS):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels


def make(cls, rank=0, world_size=1, batch_size=32, start=0, seed=3):
    target = 'fer_ssl.datasets.samplers.resumable_sampler.get_dist_info'
    with patch(target, return_value=(rank, world_size)):
        sampler = cls(Labeled(), seed=seed)
    sampler.batch_size = batch_size
    sampler.start = start
    return sampler


def batches(sampler, count):
    size = sampler.batch_size
    draws = list(islice(sampler, size * count))
    return [draws[i * size : (i + 1) * size] for i in range(count)]


@pytest.mark.parametrize('batch_size', [5, 7, 32])
@pytest.mark.parametrize('world_size', [1, 2, 7])
def test_balanced_batches(batch_size, world_size):
    ranks = [
        batches(make(ClassBalancedSampler, rank, world_size, batch_size), 14)
        for rank in range(world_size)
    ]
    total = Counter()
    for step in range(14):
        union = Counter()
        for rank in ranks:
            counts = Counter(LABELS[rank[step]].tolist())
            values = [counts[c] for c in range(7)]
            assert max(values) - min(values) <= 1
            union += counts
        values = [union[c] for c in range(7)]
        assert max(values) - min(values) <= 1
        total += union
    # 14 steps draw a multiple of 7 samples, so classes are exactly equal.
    assert len(set(total.values())) == 1


def test_balanced_sampler_uses_every_sample_once_per_pass():
    draws = np.array(list(islice(make(ClassBalancedSampler), 7 * 50)))
    of_largest_class = draws[LABELS[draws] == 0]
    assert sorted(of_largest_class) == list(range(50))


def test_shuffle_passes():
    draws = np.array(list(islice(make(InfiniteShuffleSampler), 3 * 118)))
    passes = draws.reshape(3, 118)
    for one in passes:
        assert sorted(one) == list(range(118))
    assert not np.array_equal(passes[0], passes[1])
    assert not np.array_equal(passes[0], np.arange(118))


@pytest.mark.parametrize('cls', [ClassBalancedSampler, InfiniteShuffleSampler])
def test_resume_and_seed(cls):
    whole = batches(make(cls), 20)
    assert batches(make(cls, start=13), 7) == whole[13:]
    assert batches(make(cls, seed=4), 20) != whole
    assert batches(make(cls), 20) == whole


@pytest.mark.parametrize('cls', [ClassBalancedSampler, InfiniteShuffleSampler])
def test_ranks_share_the_batch_of_one_rank(cls):
    whole = batches(make(cls, batch_size=32), 6)
    first = batches(make(cls, 0, 2, batch_size=16), 6)
    second = batches(make(cls, 1, 2, batch_size=16), 6)
    assert [a + b for a, b in zip(first, second)] == whole


def passes_of_shuffle(seed):
    draws = list(islice(make(InfiniteShuffleSampler, seed=seed), 6 * 118))
    return np.array(draws).reshape(6, 118)


def passes_of_balanced(seed):
    """Orders of the largest class."""
    draws = list(islice(make(ClassBalancedSampler, seed=seed), 7 * 6 * 50))
    draws = np.array(draws)
    return draws[LABELS[draws] == 0].reshape(6, 50)


def passes_of_epochs(seed):
    sampler = SeededEpochSampler(
        Labeled(), sampler=dict(type='DefaultSampler'), seed=seed
    )
    orders = []
    for epoch in range(6):
        sampler.set_epoch(epoch)
        orders.append([index for index, _, _ in sampler])
    return np.array(orders)


@pytest.mark.parametrize(
    'passes', [passes_of_shuffle, passes_of_balanced, passes_of_epochs]
)
def test_no_pass_of_a_seed_is_one_of_another_seed(passes):
    orders = [tuple(x) for seed in range(8) for x in passes(seed).tolist()]
    assert len(set(orders)) == 8 * 6


def test_orders_of_seed_0():
    """Results of docs/results.md depend on them."""
    orders = passes_of_shuffle(0)
    for number in range(6):
        generator = torch.Generator().manual_seed(number)
        expected = torch.randperm(118, generator=generator)
        assert orders[number].tolist() == expected.tolist()


def test_seeds_stay_apart():
    seeds = sorted(spread_seed(seed) for seed in range(5000))
    assert seeds[0] == 0 and seeds[-1] < 2**31
    assert min(np.diff(seeds)) > 100_000


def test_start_costs_the_same_everywhere():
    calls = []
    sampler = make(InfiniteShuffleSampler, start=10**9)
    original = sampler.index_at
    sampler.index_at = lambda p: calls.append(p) or original(p)
    next(iter(sampler))
    assert calls == [32 * 10**9]


def test_several_ranks_need_the_batch_size():
    sampler = make(ClassBalancedSampler, 0, 2, batch_size=None)
    with pytest.raises(ValueError, match='batch_size'):
        next(iter(sampler))


def test_empty_class_is_named():
    labels = LABELS[(LABELS != 3)]
    with pytest.raises(ValueError, match='class d'):
        ClassBalancedSampler(Labeled(labels), seed=0)


class Listed(BaseDataset):
    METAINFO = dict(classes=('a', 'b'))

    def load_data_list(self):
        return [dict(gt_label=label) for label in (0, 0, 0, 1, 0)]

    def get_gt_labels(self):
        return np.array([x['gt_label'] for x in self])

    def get_cat_ids(self, idx):
        return [self.get_data_info(idx)['gt_label']]


@pytest.mark.parametrize('seeded', [False, True])
def test_wrapped_datasets(seeded):
    init_default_scope('mmpretrain')
    DATASETS.register_module(module=Listed, force=True)
    faces = dict(type='Listed', pipeline=[])
    twice = dict(type='RepeatDataset', dataset=faces, times=2)
    rare = dict(type='ClassBalancedDataset', dataset=faces, oversample_thr=0.8)
    both = dict(type='ConcatDataset', datasets=[twice, rare])
    for config, labels in (
        (twice, [0, 0, 0, 1, 0] * 2),
        (rare, [0, 0, 0, 1, 1, 0]),
        (both, [0, 0, 0, 1, 0] * 2 + [0, 0, 0, 1, 1, 0]),
        (dict(type='RepeatDataset', dataset=both, times=2), None),
    ):
        dataset = DATASETS.build(config)
        if labels is None:
            labels = [dataset[i]['gt_label'] for i in range(len(dataset))]
        if seeded:
            dataset = DATASETS.build(dict(type='SeededDraws', dataset=config))
        sampler = ClassBalancedSampler(dataset, seed=0, batch_size=2)
        drawn = [sampler.index_at(i) for i in range(2 * len(labels))]
        assert [labels[i] for i in drawn] == [0, 1] * len(labels)
        assert set(drawn) == set(range(len(labels)))


def test_dataset_without_labels():
    with pytest.raises(TypeError, match='get_gt_labels'):
        ClassBalancedSampler([1, 2, 3], seed=0)


@pytest.mark.parametrize('cls', [ClassBalancedSampler, InfiniteShuffleSampler])
def test_a_new_seed_takes_effect_within_a_pass(cls):
    """This happens when a run without a seed resumes with the saved seed."""
    sampler = make(cls, seed=1)
    sampler.index_at(5)
    sampler.seed = 2
    fresh = make(cls, seed=2)
    found = [sampler.index_at(p) for p in range(40)]
    assert found == [fresh.index_at(p) for p in range(40)]
