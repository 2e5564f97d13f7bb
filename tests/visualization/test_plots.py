import html
import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from fer_ssl.evaluation import (
    MajoritySmoothing,
    VideoPrediction,
    VideoPredictions,
)
from fer_ssl.labels import ABAW_EXPRESSIONS
from fer_ssl.visualization import (
    class_colors,
    most_changed_video,
    plot_confusion_matrix,
    plot_timeline,
)
from fer_ssl.visualization.target_plots import (
    plot_action_units,
    plot_density,
    plot_valence_arousal,
)
from tests.helpers.forked_script import run_script

TOOLS = Path(__file__).parents[2] / 'tools' / 'analysis'


def predictions():
    rng = np.random.default_rng(0)
    videos = []
    for name, size in (('a', 40), ('folder/b', 90), ('c', 60)):
        labels = np.repeat(rng.integers(-1, 8, size // 10), 10)
        scores = rng.dirichlet(np.ones(8), size)
        scores[np.arange(size), labels] += 0.4
        has_face = rng.random(size) < 0.9
        videos.append(VideoPrediction(name, scores, labels, has_face))
    return VideoPredictions(videos, ABAW_EXPRESSIONS)


def test_colors_are_distinct_and_stable():
    colors = class_colors((*ABAW_EXPRESSIONS, 'contempt', 'boredom'))
    assert len(set(colors)) == 10
    assert class_colors(['fear']) == [colors[3]]
    assert pdist(colors[:9]).min() > 0.2


def test_timeline_shows_every_band(tmp_path):
    raw = predictions()
    smoothed = raw.apply(MajoritySmoothing(9))
    figure = plot_timeline(
        {'raw': raw['a'], 'smoothed': smoothed['a']}, raw.classes
    )
    captions = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert captions[0] == 'ground truth'
    assert captions[1].startswith('raw\n')
    assert captions[2].startswith('smoothed\n')
    assert captions[3] == 'no face'
    truth = figure.axes[0].images[0].get_array()
    labels = raw['a'].labels
    colors = np.array(class_colors(raw.classes))
    np.testing.assert_allclose(
        truth[0][labels >= 0], colors[labels[labels >= 0]]
    )
    figure.savefig(tmp_path / 'timeline.png')
    assert matplotlib.image.imread(tmp_path / 'timeline.png').std() > 0.05


@pytest.mark.parametrize(
    'name', ['a$b', '$x^{$', r'\$5_\alpha$', '_hidden', '50 % & 5^_2', '$$']
)
def test_names_are_shown_as_they_are(tmp_path, name):
    names = (name, 'other')
    scores = np.eye(2)[[0, 1, 1, 0]]
    video = VideoPrediction(name, scores, np.array([0, 1, 0, -1]))
    targets = VideoPrediction(name, scores * 2 - 1, scores * 2 - 1)
    units = VideoPrediction(name, scores, scores.astype(int))
    figures = [
        plot_timeline({name: video}, names),
        plot_confusion_matrix(np.eye(2, dtype=int), names),
        plot_valence_arousal(targets, names),
        plot_action_units(units, names, 0.5),
        plot_density(scores * 2 - 1, scores * 2 - 1, names),
    ]
    for figure in figures:
        svg = io.StringIO()
        with matplotlib.rc_context({'svg.fonttype': 'none'}):
            figure.savefig(svg, format='svg')
        assert html.escape(name, quote=False) in svg.getvalue()


def test_timeline_without_truth():
    video = VideoPrediction('a', np.eye(2)[[0, 1, 1]])
    figure = plot_timeline({'raw': video}, ('x', 'y'))
    captions = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert captions == ['raw']


def test_confusion_matrix_shows_fractions_and_counts():
    confusion = np.array([[30, 10, 0], [0, 5, 0], [0, 0, 0]])
    figure = plot_confusion_matrix(confusion, ('x', 'y', 'z'))
    axes = figure.axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array(), [[0.75, 0.25, 0], [0, 1, 0], [0, 0, 0]]
    )
    texts = [text.get_text() for text in axes.texts]
    assert texts[:6] == ['75%', '30', '25%', '10', '100%', '5']


def test_most_changed_video():
    raw = predictions()
    assert most_changed_video(raw, raw) == 'folder/b'  # the longest
    changed = VideoPredictions(
        [
            VideoPrediction(v.name, np.roll(v.scores, v.name == 'c', axis=1))
            for v in raw
        ],
        raw.classes,
    )
    assert most_changed_video(raw, changed) == 'c'


def run(tool, *args):
    return run_script(TOOLS / tool, *args)


def test_tools(tmp_path):
    raw = predictions()
    files = tmp_path / 'raw.csv', tmp_path / 'smoothed.csv'
    raw.to_csv(files[0])
    raw.apply(MajoritySmoothing(9)).to_csv(files[1])
    done = run('plot_predictions.py', *files, '--out-dir', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / 'out').iterdir()} == {
        'timeline_folder_b.png',
        'confusion_matrix.png',
    }


def test_predictions_of_other_videos(tmp_path):
    raw = predictions()
    names = [video.name for video in raw]
    files = [tmp_path / name for name in ('raw.csv', 'part.csv', 'other.csv')]
    raw.to_csv(files[0])
    VideoPredictions([raw[names[0]]], raw.classes).to_csv(files[1])
    other = VideoPrediction('other', raw[names[0]].scores)
    VideoPredictions([other], raw.classes).to_csv(files[2])
    done = run('plot_predictions.py', files[0], files[2])
    assert done.returncode != 0 and 'Traceback' not in done.stderr
    assert 'no video is in both predictions' in done.stderr
    done = run('plot_predictions.py', *files[:2], '--out-dir', tmp_path)
    assert done.returncode == 0
    warning = f'warning: {len(names) - 1} videos are in one of the files only'
    assert warning in done.stderr


def test_missing_video(tmp_path):
    predictions().to_csv(tmp_path / 'raw.csv')
    done = run('plot_predictions.py', tmp_path / 'raw.csv', '--video', 'zoe')
    assert done.returncode != 0
    assert 'video zoe is not in' in done.stderr
    assert 'Traceback' not in done.stderr
