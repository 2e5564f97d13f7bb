import numpy as np

from fer_ssl.visualization import plot_reliability


def test_bars_are_accuracies(tmp_path):
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.62, 0.38], [0.38, 0.62]])
    labels = np.array([0, 1, 0, 1])
    figure = plot_reliability({'a $x$': probs, 'b': probs}, labels)
    first, second, below, _ = figure.axes
    assert first.get_title() == 'a \\$x\\$\nECE 39.0 %'
    heights = sorted(bar.get_height() for bar in first.patches)
    assert heights == [0.5, 1.0]
    assert sum(bar.get_height() for bar in below.patches) == 1
    path = tmp_path / 'x.png'
    figure.savefig(path)
    assert path.stat().st_size
