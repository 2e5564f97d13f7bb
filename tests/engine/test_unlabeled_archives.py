"""Unlabeled faces from RecordIO and tar shards in the spatial phase."""

import pytest

from fer_ssl.data_preparation.shard_writer import write_shards
from fer_ssl.datasets import RecordIODataset
from tests.helpers.record_io_files import write_ms1m

FLIP = dict(type='RandomFlip', prob=0.5, direction='horizontal')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(32, 32)),
    dict(type='MultiView', num_views=[1, 1], transforms=[[FLIP]] * 2),
    dict(type='PackInputs'),
]


def unlabeled(kind, folder):
    """Config of 30 faces, five of them damaged."""
    broken = dict.fromkeys((3, 4, 11, 20, 30), b'no image')
    write_ms1m(folder, people=(20, 10), images=broken)
    config = dict(data_root=str(folder), on_unreadable='skip')
    if kind == 'tar':
        faces = RecordIODataset(data_root=str(folder))
        write_shards(faces, [folder / 'shards'], 30_000)
        return dict(
            config,
            type='TarShardDataset',
            subset='unlabeled',
            data_root=str(folder / 'shards'),
        )
    if kind == 'third':
        config['fraction'] = 1 / 3
    return dict(config, type='RecordIODataset')


@pytest.mark.parametrize(
    'kind, num_workers', [('record_io', 2), ('third', 0), ('tar', 2)]
)
def test_spatial_phase_and_resume(
    spatial_config, build_runner, tmp_path, kind, num_workers
):
    config = unlabeled(kind, tmp_path / 'faces')
    loader = spatial_config.train_cfg.unlabeled_dataloader
    loader.num_workers = num_workers
    loader.dataset = dict(config, pipeline=PIPELINE)
    runner = build_runner(spatial_config)
    state = runner.train().state_dict()
    dataset = runner.train_loop.unlabeled_dataloader.dataset
    assert len(dataset) == (10 if kind == 'third' else 30)
    assert dataset.num_unreadable > 0  # 48 faces were drawn
    resumed = build_runner(
        spatial_config,
        load_from=f'{spatial_config.work_dir}/iter_3.pth',
        resume=True,
        work_dir=str(tmp_path / 'resumed'),
    )
    for name, value in resumed.train().state_dict().items():
        assert value.equal(state[name]), name
