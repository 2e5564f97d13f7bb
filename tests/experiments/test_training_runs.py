import json

from fer_ssl.experiments.training_runs import log_lines, scores_of_test


def test_log_of_an_interrupted_training(tmp_path):
    for day, text in (
        ('1', '{"iter": 1, "loss": 2.0}\n{"iter": 2, "lo'),
        ('2', '{"iter": 2, "loss": 1.5}\n{"macro_f1": 30.5, "step": 2}\n'),
    ):
        folder = tmp_path / day / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text(text)
    lines = log_lines(tmp_path)
    assert [line.get('iter') for line in lines] == [1, 2, None]
    assert lines[-1]['macro_f1'] == 30.5


def test_scores_of_the_latest_test(tmp_path):
    assert scores_of_test(tmp_path) == {}
    for day, score in (('1', 20.5), ('2', 30.5)):
        (tmp_path / day).mkdir()
        scores = dict(macro_f1=score, time=0.1, data_time=0.1)
        (tmp_path / day / 'x.json').write_text(json.dumps(scores))
    assert scores_of_test(tmp_path) == dict(macro_f1=30.5)
