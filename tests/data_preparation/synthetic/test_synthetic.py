import csv
import filecmp
import wave
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_ssl.data_preparation.synthetic import (
    SyntheticSettings,
    make_synthetic,
)
from fer_ssl.data_preparation.synthetic.expressions import (
    EMOTIONS,
    PROTOTYPES,
    FacialAction,
    episode_curve,
    neutral_action,
    sample_apex,
    sample_still,
    sample_timeline,
)
from fer_ssl.data_preparation.synthetic.face_renderer import (
    Conditions,
    Identity,
    render_face,
)
from fer_ssl.data_preparation.synthetic.voice import speak
from fer_ssl.datasets import FramesCSVReader, SAffWild2Reader
from fer_ssl.datasets.videos.frames_csv import read_frames_csv
from fer_ssl.labels import ABAW_ACTION_UNITS, ABAW_EXPRESSIONS

TINY = SyntheticSettings.tiny()


def read(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def files_of(root):
    paths = (path for path in root.rglob('*') if path.is_file())
    return sorted(str(path.relative_to(root)) for path in paths)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'synthetic'
    assert make_synthetic(out, TINY, seed=0, processes=1)
    return out


def test_stills(root):
    rows = read(root / 'labels.csv')
    train = Counter(r['expression'] for r in rows if r['split'] == 'train')
    assert train == dict(zip(ABAW_EXPRESSIONS, TINY.labeled))
    val = Counter(r['expression'] for r in rows if r['split'] == 'val')
    assert val == dict.fromkeys(ABAW_EXPRESSIONS, TINY.val_per_class)
    people = {
        split: {r['identity'] for r in rows if r['split'] == split}
        for split in ('train', 'val')
    }
    assert not people['train'] & people['val']

    unlabeled = read(root / 'unlabeled.csv')
    assert len(unlabeled) == TINY.unlabeled
    assert {r['expression'] for r in unlabeled} == {''}
    assert {r['truth'] for r in unlabeled} <= set(ABAW_EXPRESSIONS)
    for row in rows + unlabeled:
        image = cv2.imread(str(root / 'images' / row['image']))
        assert image.shape == (TINY.size, TINY.size, 3)


def test_videos(root):
    rows = read(root / 'frames.csv')
    for split, count in zip(('train', 'val'), TINY.videos):
        videos = read_frames_csv(
            root / 'frames.csv', ABAW_EXPRESSIONS, split=split
        )
        assert len(videos) == count
    for row in rows:
        assert -1 <= float(row['valence']) <= 1
        assert -1 <= float(row['arousal']) <= 1
        assert all(0 <= float(row[unit]) <= 5 for unit in ABAW_ACTION_UNITS)
    named = {row['image'] for row in rows if row['image']}
    assert named == set(files_of(root / 'frames'))


def test_frames_without_face_or_label(tmp_path):
    settings = replace(TINY, frames=(80, 80), missing=0.3, unannotated=0.3)
    make_synthetic(tmp_path / 'out', settings, processes=1)
    rows = read(tmp_path / 'out' / 'frames.csv')
    assert any(not row['image'] and row['expression'] for row in rows)
    assert any(row['image'] and not row['expression'] for row in rows)


def test_sparse_lists(root):
    """Some of the frames, with some of their labels, in the other form."""
    tasks = ('VA', 'EXPR', 'AU')
    reader = SAffWild2Reader(tasks, crops=('frames',))
    whole = FramesCSVReader(tasks).read(str(root / 'frames.csv'), '')
    sparse = reader.read(str(root / 'sparse'), str(root))
    listed = reader.read_labels(str(root / 'sparse'))[1]
    assert list(sparse) == list(whole)
    for name, video in sparse.items():
        frames = listed[name] - 1
        assert 1 <= np.diff(frames).min() and np.diff(frames).max() <= 9
        for frame in frames:
            image = whole[name].images[frame]
            assert video.images[frame] == (image and f'frames/{image}')
        for task in tasks:
            own = video.labels[task][frames]
            full = whole[name].labels[task][frames]
            known = own != (-5 if task == 'VA' else -1)
            np.testing.assert_array_equal(own[known], full[known])
    test = reader.read(str(root / 'sparse'), str(root), split='test')
    val = reader.read(str(root / 'sparse'), str(root), split='val')
    assert [x.images for x in test.values()] == [
        x.images for x in val.values()
    ]


def test_same_files_for_any_number_of_processes(root, tmp_path):
    again = tmp_path / 'again'
    make_synthetic(again, TINY, seed=0, processes=2)
    names = files_of(root)
    assert files_of(again) == names
    equal, unequal, failed = filecmp.cmpfiles(
        root, again, names, shallow=False
    )
    assert (unequal, failed) == ([], [])


def test_images_and_labels_are_the_same_without_sound(root, tmp_path):
    mute = tmp_path / 'mute'
    make_synthetic(mute, replace(TINY, sound=False), seed=0, processes=1)
    names = files_of(mute)
    sounds = set(files_of(root)) - set(names)
    videos = {row['video'] for row in read(root / 'frames.csv')}
    assert sounds == {f'sounds/{video}.wav' for video in videos}
    names.remove('synthetic.json')
    _, unequal, failed = filecmp.cmpfiles(root, mute, names, shallow=False)
    assert (unequal, failed) == ([], [])


def test_sound_is_as_long_as_the_video(root):
    frames = Counter(row['video'] for row in read(root / 'frames.csv'))
    for video, num_frames in frames.items():
        with wave.open(str(root / f'sounds/{video}.wav')) as file:
            form = file.getnchannels(), file.getsampwidth()
            assert (*form, file.getframerate()) == (1, 2, 16000)
            assert file.getnframes() == num_frames * 16000 // 30


def test_prosody_follows_arousal():
    """Pitch, loudness and tempo of one voice rise; pauses contain noise."""
    calm, aroused = [], []
    for seed in range(10):
        for arousal, found in ((0.0, calm), (1.0, aroused)):
            rng = np.random.default_rng(seed)
            sound = speak(np.full(300, arousal), rng)
            assert np.abs(sound).max() < 1  # nothing is clipped
            found.append((*prosody(sound), np.std(sound)))
    change = np.array(aroused) / np.array(calm)
    pitch, tempo, loudness = np.median(change, axis=0)
    assert pitch == pytest.approx(2 ** (8 / 12), rel=0.05)
    assert tempo == pytest.approx(1.5, rel=0.1)
    assert loudness == pytest.approx(10 ** (10 / 20), rel=0.1)


def prosody(sound):
    """Return pitch in Hz, by autocorrelation, and syllables per second."""
    power = np.abs(np.fft.rfft(sound, 2 * len(sound))) ** 2
    correlation = np.fft.irfft(power)[: 16000 // 60]
    lag = 16000 // 500 + correlation[16000 // 500 :].argmax()
    envelope = np.square(sound).reshape(-1, 160).mean(axis=1)  # 100 Hz
    spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
    rates = np.fft.rfftfreq(len(envelope), 0.01)
    band = (rates > 2.5) & (rates < 8)
    tempo = np.average(rates[band], weights=spectrum[band] ** 4)
    return 16000 / lag, tempo


def test_talk_has_pauses_with_noise():
    sound = speak(np.zeros(900), np.random.default_rng(0))
    level = np.sqrt(np.square(sound).reshape(-1, 480).mean(axis=1))
    background = level.min()
    assert background > 1e-4
    assert 0.1 < (level < 2 * background).mean() < 0.6


def test_other_seed_makes_other_images(root, tmp_path):
    make_synthetic(tmp_path / 'out', TINY, seed=1, processes=1)
    name = 'images/labeled/00000.jpg'
    assert not filecmp.cmp(root / name, tmp_path / 'out' / name, shallow=False)


def test_finished_data_are_kept(root):
    stamps = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    assert not make_synthetic(root, TINY, seed=0)
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}


def test_interrupted_or_other_data_are_generated_again(tmp_path):
    out = tmp_path / 'out'
    make_synthetic(out, TINY, processes=1)
    (out / 'finished').unlink()
    assert make_synthetic(out, TINY, processes=1)
    assert make_synthetic(out, TINY, seed=1, processes=1)
    assert not make_synthetic(out, TINY, seed=1, processes=1)


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / 'labels.csv').write_text('image,expression\n')
    with pytest.raises(FileExistsError, match='not synthetic'):
        make_synthetic(tmp_path, TINY)
    assert files_of(tmp_path) == ['labels.csv']


def test_prototypes_cover_all_classes_and_known_action_units():
    assert set(PROTOTYPES) == set(ABAW_EXPRESSIONS) - {'neutral'}
    for variants in PROTOTYPES.values():
        for variant in variants:
            for number, intensity in variant.action_units.items():
                assert f'AU{number}' in ABAW_ACTION_UNITS
                assert 0 < intensity <= 5


@pytest.mark.parametrize('expression', ABAW_EXPRESSIONS)
def test_actions_stay_in_range(expression):
    rng = np.random.default_rng(0)
    for _ in range(50):
        for action in (
            sample_apex(expression, rng),
            sample_still(expression, 0.3, rng),
        ):
            assert action.action_units.shape == (len(ABAW_ACTION_UNITS),)
            assert np.all(action.action_units >= 0)
            assert np.all(action.action_units <= 5)
            assert abs(action.valence) <= 1
            assert abs(action.arousal) <= 1


def test_affect_follows_the_circumplex():
    rng = np.random.default_rng(0)

    def mean(expression, name):
        drawn = [sample_apex(expression, rng) for _ in range(50)]
        return np.mean([getattr(action, name) for action in drawn])

    assert mean('happiness', 'valence') > 0.5
    assert mean('sadness', 'valence') < -0.3
    assert mean('surprise', 'arousal') > mean('sadness', 'arousal')


def test_episode_rises_holds_and_falls():
    curve = episode_curve(onset=6, apex=4, offset=10, peak=0.8)
    assert len(curve) == 20
    assert np.all(np.diff(curve[:6]) > 0)
    assert np.all(curve[6:10] == 0.8)
    assert np.all(np.diff(curve[10:]) < 0)
    assert 0 < curve[0] < 0.05 and 0 < curve[-1] < 0.05


def test_timeline_labels_only_what_is_shown():
    rng = np.random.default_rng(0)
    shown = Counter()
    for _ in range(5):
        timeline = sample_timeline(300, ('fear', 'other'), 0.3, rng)
        assert timeline.action_units.shape == (300, len(ABAW_ACTION_UNITS))
        assert len(timeline.expressions) == len(timeline.valence) == 300
        # onsets are gradual: no intensity jumps within one frame, apart
        # from the mouth, which speaks
        silent = timeline.action_units[:, :10]
        assert np.abs(np.diff(silent, axis=0)).max() < 2.5
        shown.update(timeline.expressions)
    assert set(shown) == {'neutral', 'fear', 'other'}


def face(size=48, **action_units):
    intensities = np.zeros(len(ABAW_ACTION_UNITS))
    for name, intensity in action_units.items():
        intensities[ABAW_ACTION_UNITS.index(name)] = intensity
    identity = Identity.sample(np.random.default_rng(3))
    return render_face(
        FacialAction(intensities),
        identity,
        Conditions(noise=0.0),
        size,
        np.random.default_rng(0),
    ).astype(int)


@pytest.mark.parametrize('unit', ABAW_ACTION_UNITS)
def test_every_action_unit_is_visible(unit):
    # AU26 alone lengthens the chin; the lips stay closed without AU25
    change = np.abs(face(**{unit: 5}) - face()).max(axis=2)
    assert np.sum(change > 20) >= 5


@pytest.mark.parametrize('unit', ['AU1', 'AU2', 'AU4'])
def test_brow_units_leave_the_mouth_alone(unit):
    change = np.abs(face(**{unit: 5}) - face())
    assert change[30:].max() == 0


def test_blink_and_asymmetry_change_the_image():
    rng = np.random.default_rng(0)
    identity, conditions = Identity.sample(rng), Conditions(noise=0.0)

    def drawn(action):
        image = render_face(action, identity, conditions, 48, rng)
        return image.astype(int)

    closed = neutral_action()
    closed.blink = 1.0
    assert np.abs(drawn(closed) - drawn(neutral_action())).max() > 50
    smile = np.zeros(len(ABAW_ACTION_UNITS))
    smile[ABAW_ACTION_UNITS.index('AU12')] = 5
    right = np.abs(
        drawn(FacialAction(smile, asymmetry=1.0)) - drawn(neutral_action())
    )
    # only the right half of the image smiles (the lips are one curve, so
    # the left moves a little)
    assert right[:, 26:].sum() > 2 * right[:, :22].sum()


def test_conditions_without_variation_are_constant_apart_from_background():
    rng = np.random.default_rng(0)
    conditions = Conditions.sample(0.0, rng)
    assert conditions == Conditions(background=conditions.background)


def test_emotions_are_in_class_order():
    assert EMOTIONS == ABAW_EXPRESSIONS[1:]
