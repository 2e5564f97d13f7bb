import re
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from fer_ssl.models import BatchView

DOCS = Path(__file__).parents[2] / 'docs/methods.md'
AFFINE = dict(type='RandomAffine', degrees=20, padding_mode='border', p=1.0)


def faces(count=6):
    generator = torch.Generator().manual_seed(0)
    size = (count, 1, 16, 16)
    return torch.randint(256, size, dtype=torch.uint8, generator=generator)


def test_flips_are_those_of_each_face():
    view = BatchView([dict(type='RandomHorizontalFlip', p=0.5)])
    torch.manual_seed(0)
    inputs = faces(40)
    outputs = view(inputs)
    assert outputs.dtype == torch.float32
    same = [torch.allclose(x, y.float()) for x, y in zip(outputs, inputs)]
    flipped = [
        torch.allclose(x, y.float().flip(-1)) for x, y in zip(outputs, inputs)
    ]
    assert all(x != y for x, y in zip(same, flipped))
    assert 8 < sum(flipped) < 32


def test_no_transform_keeps_the_pixels():
    assert_close(BatchView([])(faces()), faces().float())


def test_every_face_is_turned_differently_and_stays_in_range():
    view = BatchView(
        [
            AFFINE,
            dict(type='RandomBrightness', brightness=(0.5, 1.5), p=1.0),
            dict(type='RandomErasing', value=0.5, p=1.0),
        ]
    )
    face = faces(1).expand(5, -1, -1, -1)
    outputs = view(face)
    assert outputs.min() >= 0 and outputs.max() <= 255
    assert outputs.max() > 1, 'pixels from 0 to 255, as the preprocessor needs'
    for i in range(5):
        for j in range(i):
            assert not torch.allclose(outputs[i], outputs[j])


def test_views_depend_on_the_seed_of_the_iteration_only():
    view = BatchView([AFFINE])
    results = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        results.append(view(faces()))
    assert torch.equal(results[0], results[2])
    assert not torch.allclose(results[0], results[1])


def test_no_gradient():
    assert not BatchView([AFFINE])(faces().float()).requires_grad


@pytest.mark.parametrize(
    'transform, message',
    [
        (dict(type='RandomAfine'), "no 'RandomAfine'; similar: RandomAffine"),
        (dict(p=0.5), "has no ''"),
        (dict(type='auto'), "no 'auto'"),
        (dict(type='RandomAffine', degres=3), 'RandomAffine: .*degres'),
    ],
)
def test_a_typo_is_named(transform, message):
    with pytest.raises(ValueError, match=message):
        BatchView([transform])


def test_views_of_the_docs():
    code = re.findall(r'```python\n(.*?)```', DOCS.read_text(), re.DOTALL)
    (code,) = (block for block in code if 'views=' in block)
    names = {}
    exec(code, names)
    for transforms in names['train_cfg']['views'].values():
        assert BatchView(transforms)(faces()).shape == (6, 1, 16, 16)
