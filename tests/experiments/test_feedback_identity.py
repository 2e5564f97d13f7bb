import csv
import runpy
import sys
from pathlib import Path

import pytest
import torch

from fer_ssl.experiments.feedback_identity import (
    STEP_RULES,
    Problem,
    batch_norm_bias,
    cosine_and_scale,
    cosine_of_expectation,
    cosine_of_single_draws,
)

TOOL = Path(__file__).parents[2] / 'tools/analysis/feedback_identity.py'


@pytest.mark.parametrize('name', ['dot', 'per_sample', 'finite_difference'])
def test_expectation_of_sampled_estimators_is_exact(name):
    assert cosine_of_expectation(name, 1e-3, seed=0, unlabeled=3) > 0.9999


def test_expected_needs_one_draw():
    for rate in (1e-3, 1e-2):
        found = cosine_of_single_draws('expected', rate, seed=0, unlabeled=8)
        assert found > 0.999999


def test_per_sample_has_less_noise_than_dot():
    noisy, calm = (
        cosine_of_single_draws(name, 1e-3, seed=0, unlabeled=8, draws=50)
        for name in ('dot', 'per_sample')
    )
    assert calm > noisy + 0.2


def test_public_recipe_is_biased():
    assert cosine_of_expectation('public_recipe', 1e-3, 0, 3) < 0.9
    assert batch_norm_bias('public_recipe', 1e-3, seed=0) > 5
    assert batch_norm_bias('finite_difference', 1e-3, seed=0) == 0


def test_true_gradient_is_a_descent_direction():
    """Against the definition: a small step of the teacher lowers J."""
    problem = Problem.random(3, unlabeled=8, shift=0.5)
    gradient = problem.true_gradient(0.1)
    vector = torch.nn.utils.parameters_to_vector(problem.teacher.parameters())
    falls = []
    for step in (0.0, 1e-3):
        problem._set_teacher((vector - step * gradient).detach())
        targets, _ = problem.targets_and_probs('soft')
        falls.append(problem.loss_after_step(targets, 0.1))
    slope = (falls[1] - falls[0]) / 1e-3
    assert slope == pytest.approx(-gradient.square().sum().item(), rel=1e-3)


@pytest.mark.parametrize('rule', STEP_RULES)
def test_finite_difference_is_exact_with_every_optimizer(rule):
    cosine, scale = cosine_and_scale(
        'finite_difference', rule, seed=0, steps=2, unlabeled=2
    )
    assert cosine == pytest.approx(1, abs=1e-9)
    assert scale == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    'rule, scale',
    [
        ('SGD', 1),
        ('SGD, momentum, weight decay', 1),
        ('SGD, Nesterov momentum', 1 / 1.9),
        ('SGD, momentum, dampening 0.5', 2),
    ],
)
@pytest.mark.parametrize('name', ['dot', 'per_sample', 'expected'])
def test_other_estimators_with_sgd(rule, scale, name):
    cosine, found = cosine_and_scale(name, rule, seed=0, steps=2, unlabeled=2)
    assert cosine == pytest.approx(1, abs=1e-3)
    assert found == pytest.approx(scale, rel=1e-2)


def test_adam_is_another_step():
    cosine, _ = cosine_and_scale('expected', 'Adam', seed=0, steps=0)
    assert cosine < 0.8


def test_table_of_optimizers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        'fer_ssl.experiments.feedback_identity.cosine_and_scale',
        lambda name, rule, seed, steps: (1.0, 0.5 + seed),
    )
    out = tmp_path / 'table.csv'
    arguments = [str(TOOL), '--optimizers', '--out', str(out)]
    monkeypatch.setattr(sys, 'argv', arguments)
    runpy.run_path(str(TOOL), run_name='__main__')
    with open(out, newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(STEP_RULES)
    assert rows[1]['optimizer'] == 'SGD'
    assert rows[1]['earlier_steps'] == '20'
    assert rows[1]['finite_difference'] == '1.000 / 1.5'
    assert '| SGD | 20 | 1.000 / 1.5 |' in capsys.readouterr().out


def test_table_and_plot(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        'fer_ssl.experiments.feedback_identity.compare_estimators',
        lambda: [
            dict(
                estimator=name,
                student_lr=rate,
                cosine_expectation=1.0,
                cosine_single_draw=0.5,
                bn_bias_over_signal=0.0,
            )
            for name in ('dot', 'expected')
            for rate in (1e-3, 1e-2)
        ],
    )
    out, plot = tmp_path / 'new' / 'table.csv', tmp_path / 'table.png'
    arguments = [str(TOOL), '--out', str(out), '--plot', str(plot)]
    monkeypatch.setattr(sys, 'argv', arguments)
    runpy.run_path(str(TOOL), run_name='__main__')
    with open(out, newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['estimator'] for row in rows] == ['dot'] * 2 + ['expected'] * 2
    assert list(rows[0]) == [
        'estimator',
        'student_lr',
        'cosine_expectation',
        'cosine_single_draw',
        'bn_bias_over_signal',
    ]
    assert rows[0]['student_lr'] == '0.001'
    printed = capsys.readouterr().out
    assert '| expected | 0.01 | 1.000 | 0.500 | 0.000 |' in printed
    assert plot.stat().st_size > 1000
