"""Test-time augmentation against the mean of the single views."""

import pytest
import torch
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner, load_checkpoint

from tests.helpers import tiny_networks

PACK = [dict(type='PackInputs')]
FLIPS = [dict(type='RandomFlip', prob=p) for p in (0.0, 1.0)]
SIZES = [dict(type='CenterCrop', crop_size=x) for x in (24, 28)]
RESIZE = [dict(type='Resize', scale=(24, 24))]


def samples_of(model, dataset, pipeline):
    dataset = DATASETS.build(dict(dataset, pipeline=pipeline))
    loader = Runner.build_dataloader(
        dict(
            batch_size=3,
            dataset=dataset,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=False),
        )
    )
    with torch.no_grad():
        return [s for batch in loader for s in model.test_step(batch)]


@pytest.mark.parametrize('of_both', [True, False])
def test_mean_of_all_views(tmp_path, write_faces, of_both):
    rows = [(f'{i}.png', 'happiness', 'val') for i in range(4)]
    files = write_faces(rows)
    config = tiny_networks.classifier()
    keys = ['pred_score']
    if of_both:
        config = tiny_networks.teacher_student()
        keys.append('teacher_pred_score')
    path, model = tiny_networks.write_checkpoint(tmp_path / 'a.pth', config)
    averaged = MODELS.build(
        dict(type='AverageScoresTTA', module=config.model)
    ).eval()
    # The weights have the names that they have without the views.
    load_checkpoint(averaged, path, strict=True)

    dataset = dict(config.test_dataloader.dataset, **files)
    load = [dict(type='LoadImageFromFile')]
    views = dict(type='TestTimeAug', transforms=[SIZES, RESIZE, FLIPS, PACK])
    found = samples_of(averaged, dataset, [*load, views])
    single = [
        samples_of(model, dataset, [*load, size, *RESIZE, flip, *PACK])
        for size in SIZES
        for flip in FLIPS
    ]
    assert len(found) == 4
    for i, sample in enumerate(found):
        for key in keys:
            members = torch.stack([view[i].get(key) for view in single])
            assert members.std(dim=0).max() > 1e-3  # the views differ
            torch.testing.assert_close(sample.get(key), members.mean(dim=0))
        assert sample.gt_label.item() == 2
        assert sample.pred_label.item() == sample.pred_score.argmax()
