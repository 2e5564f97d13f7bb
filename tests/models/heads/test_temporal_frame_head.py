import pytest
import torch
from mmengine.structures import BaseDataElement
from torch.nn.functional import cross_entropy

from fer_ssl.models.heads.temporal_frame_head import TemporalFrameHead

ENCODER = dict(
    type='TransformerEncoder',
    in_channels=6,
    embed_dims=8,
    num_layers=1,
    num_heads=2,
    dropout=0.0,
)


def head(**kwargs):
    torch.manual_seed(0)
    return TemporalFrameHead(
        num_classes=3, temporal_encoder=ENCODER, dropout=0.0, **kwargs
    )


def sample(labels, valid=None, start=0, num_frames=99):
    data = BaseDataElement(
        metainfo=dict(video='a', start=start, num_frames=num_frames)
    )
    data.set_field(torch.tensor(labels), 'gt_label')
    valid = [True] * len(labels) if valid is None else valid
    data.set_field(torch.tensor(valid, dtype=torch.bool), 'valid')
    return data


@pytest.mark.parametrize('class_weight', [None, [1.0, 4.0, 0.5]])
def test_loss_is_the_mean_over_labeled_faces(class_weight):
    model = head(
        loss_cls=dict(type='CrossEntropyLoss', class_weight=class_weight)
    )
    scores = torch.randn(2, 4, 3)
    samples = [
        sample([0, -1, 2, 1], valid=[1, 1, 0, 1]),
        sample([-1, -1, -1, -1]),
    ]
    weight = None if class_weight is None else torch.tensor(class_weight)
    expected = cross_entropy(scores[0, [0, 3]], torch.tensor([0, 1]), weight)
    losses = model.loss_by_feat(scores, samples)
    torch.testing.assert_close(losses['loss_cls'], expected)


def test_no_labeled_frame_gives_zero_loss_and_zero_gradients():
    model = head()
    samples = [sample([-1, -1]), sample([1, 2], valid=[0, 0])]
    x = torch.randn(2, 2, 6)
    valid = torch.stack([s.valid for s in samples])
    loss = model.loss(x, samples, valid=valid)['loss_cls']
    assert loss == 0
    loss.backward()
    for parameter in model.parameters():
        assert not parameter.grad.any()


def test_one_prediction_per_existing_frame():
    model = head().eval()
    samples = [
        sample([0, 1, -1, -1], [1, 0, 0, 0], start=8, num_frames=10),
        sample([0, 1, 2, 0], start=0, num_frames=10),
    ]
    x = torch.randn(2, 4, 6)
    valid = torch.stack([s.valid for s in samples])
    with torch.no_grad():
        expected = model(x, valid).softmax(-1)
        first, second = model.predict(x, samples, valid=valid)
    assert first.pred_score.shape == (2, 3)
    assert second.pred_score.shape == (4, 3)
    torch.testing.assert_close(first.pred_score, expected[0, :2])
    assert first.valid.tolist() == [True, False]
    assert first.gt_label.tolist() == [0, 1]
    # What reaches the metric.
    data = first.to_dict()
    assert (data['video'], data['start']) == ('a', 8)
    # A second prediction in place is fine: set_pred_score would refuse it.
    model.predict_by_feat(torch.randn(2, 4, 3), samples)
