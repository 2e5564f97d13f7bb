import numpy as np
import pytest
import torch

from tests.helpers.onnx_networks import gray_classifier
from tests.helpers.tiny_networks import CLASSES, write_checkpoint

pytest.importorskip('onnxruntime')


def test_tool(tmp_path, write_faces, run_tool):
    """The accuracy is that of the network on the faces of the split."""
    rows = [
        (f'{i}.png', CLASSES[i % 3], 'val' if i < 12 else 'train')
        for i in range(20)
    ]
    write_faces(rows)
    cfg = gray_classifier()
    # It changes probabilities of both alike, and no label.
    count = len(CLASSES)
    cfg.calibration = dict(
        temperature=0.5,
        bias=[0.0] * count,
        classes=list(CLASSES),
        method='temperature',
        prior=[1 / count] * count,
        num_faces=20,
    )
    path, model = write_checkpoint(tmp_path / 'a.pth', cfg)
    text = run_tool('onnx_variants.py', f'{path} {tmp_path} --rounds 1')
    lines = [x.strip('| ').split(' | ') for x in text.splitlines()[-6:]]
    head, _, *table = lines
    assert head[:5] == [
        'variant',
        'MB',
        'max difference',
        'accuracy',
        'macro-F1',
    ]
    assert [row[0] for row in table] == [
        'PyTorch',
        'onnxruntime fp32',
        'onnxruntime fp16',
        'onnxruntime int8',
    ]
    assert table[0][2] == '0.0e+00' and table[0][5] == '1.00'
    assert 0 < float(table[1][2]) < 1e-5 < float(table[3][2])

    from fer_ssl.apis.face_folder import read_faces
    from fer_ssl.apis.face_input import FaceInput

    face_input = FaceInput.from_config(cfg)
    paths = [str(tmp_path / 'images' / row[0]) for row in rows[:12]]
    faces = np.stack(
        [face_input.to_network(x) for x in read_faces(paths, face_input)]
    )
    images = (torch.from_numpy(faces).float() - 127.5) / 50
    with torch.no_grad():
        found = model(images, mode='tensor').argmax(1).numpy()
    right = (found == np.arange(12) % 3).mean()
    assert table[0][3] == table[1][3] == f'{100 * right:.2f}'
