"""Comparison of each feedback with the derivative that it estimates.

The teacher should lower J(theta_T) = L_l(theta'), the student's loss on the
labeled faces after one step on the teacher's labels. On networks small enough
for central differences in float64, this module compares the gradient that an
estimator passes to the teacher with the gradient of J.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.feedback import (
    BaseFeedback,
    DotFeedback,
    ExpectedFeedback,
    FiniteDifferenceFeedback,
    JvpFeedback,
    MetaBatch,
    PerSampleFeedback,
    PublicRecipeFeedback,
    TeacherLogits,
)

INPUTS, HIDDEN, CLASSES, LABELED = 8, 8, 3, 32
#: Class of each estimator, and the kind of labels that the student learns
#: from.
ESTIMATORS: dict[str, tuple[type[BaseFeedback], str]] = {
    'dot': (DotFeedback, 'sample'),
    'jvp': (JvpFeedback, 'sample'),
    'finite_difference': (FiniteDifferenceFeedback, 'sample'),
    'per_sample': (PerSampleFeedback, 'sample'),
    'expected': (ExpectedFeedback, 'soft'),
    'public_recipe': (PublicRecipeFeedback, 'argmax'),
}
COMPARED_WITH_OPTIMIZERS = tuple(ESTIMATORS)[:-1]
CLIP = 0.05  # less than every norm of the gradients here


@dataclass(frozen=True)
class StepRule:
    """Optimizer and gradient clipping of the student's step."""

    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD
    max_norm: float | None = None

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.max_norm is not None:
            (group,) = optimizer.param_groups
            nn.utils.clip_grad_norm_(group['params'], self.max_norm)
        optimizer.step()


_SGD = partial(torch.optim.SGD, momentum=0.9)
STEP_RULES = {
    'SGD': StepRule(),
    'SGD, momentum, weight decay': StepRule(partial(_SGD, weight_decay=5e-4)),
    'SGD, Nesterov momentum': StepRule(partial(_SGD, nesterov=True)),
    'SGD, momentum, dampening 0.5': StepRule(partial(_SGD, dampening=0.5)),
    'SGD, clipped gradients': StepRule(max_norm=CLIP),
    'Adam': StepRule(torch.optim.Adam),
    'AdamW': StepRule(torch.optim.AdamW),
}


class BatchNormNetwork(nn.Sequential):
    """Linear, BatchNorm, ReLU and linear layer with mmpretrain's interface."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(INPUTS, HIDDEN),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, CLASSES),
        )

    def forward(self, faces: Tensor, mode: str = 'tensor') -> Tensor:
        return super().forward(faces)


@dataclass
class Problem:
    """A student, a teacher, and one labeled and one unlabeled batch."""

    student: nn.Module
    teacher: nn.Module
    batch: MetaBatch
    rule: StepRule
    optimizer: torch.optim.Optimizer

    @classmethod
    def random(
        cls,
        seed: int,
        unlabeled: int,
        shift: float,
        rule: StepRule = STEP_RULES['SGD'],
        steps: int = 0,
    ) -> Problem:
        """Draw a random problem.

        Args:
            seed: Seed of the data and of the initial weights.
            unlabeled: Number of unlabeled samples.
            shift: Distance of their mean from that of the labeled ones, in
                every dimension.
            rule: Optimizer of the student and its gradient clipping.
            steps: Number of earlier steps of the optimizer, on other samples.
        """
        torch.manual_seed(seed)
        weak = shift + torch.randn(unlabeled, INPUTS).double()
        strong = weak + 0.3 * torch.randn(unlabeled, INPUTS).double()
        batch = MetaBatch(
            faces=torch.randn(LABELED, INPUTS).double(),
            labels=torch.arange(LABELED) % CLASSES,
            weak=weak,
            strong=strong,
            view=strong,
            truth=torch.full((unlabeled,), -1),
            uniform=torch.empty(unlabeled),
        )
        teacher = nn.Sequential(
            nn.Linear(INPUTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, CLASSES)
        )
        student = BatchNormNetwork().double()
        optimizer = rule.optimizer(student.parameters(), lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            faces = shift + torch.randn(unlabeled, INPUTS).double()
            labels = torch.randint(CLASSES, (unlabeled,))
            F.cross_entropy(student(faces), labels).backward()
            rule.step(optimizer)
        optimizer.zero_grad()
        return cls(student, teacher.double(), batch, rule, optimizer)

    def predict(self) -> None:
        """Put the teacher's logits into the batch."""
        self.batch.logits = TeacherLogits(
            labeled=self.teacher(self.batch.faces),
            weak=self.teacher(self.batch.weak),
            strong=self.teacher(self.batch.strong),
        )

    def true_gradient(self, learning_rate: float) -> Tensor:
        """Compute dL_l(theta') / dtheta_T of soft labels numerically."""
        step = 1e-5
        vector = nn.utils.parameters_to_vector(self.teacher.parameters())
        vector = vector.detach()
        gradient = torch.empty_like(vector)
        for index in range(len(vector)):
            losses = []
            for sign in (1, -1):
                moved = vector.clone()
                moved[index] += sign * step
                self._set_teacher(moved)
                with torch.no_grad():
                    self.predict()
                targets = self.batch.logits.weak.softmax(dim=1)
                losses.append(self.loss_after_step(targets, learning_rate))
            gradient[index] = (losses[0] - losses[1]) / (2 * step)
        self._set_teacher(vector)
        return gradient

    def _set_teacher(self, vector: Tensor) -> None:
        nn.utils.vector_to_parameters(vector, self.teacher.parameters())

    def loss_after_step(self, targets: Tensor, learning_rate: float) -> float:
        """Compute L_l(theta') after a step of the student on ``targets``."""
        student = self._stepped(targets, learning_rate)
        with torch.no_grad():
            logits = student(self.batch.faces)
        return F.cross_entropy(logits, self.batch.labels).item()

    def _stepped(
        self,
        targets: Tensor,
        learning_rate: float,
        before: Callable[[nn.Module], None] | None = None,
    ) -> nn.Module:
        student, optimizer = copy.deepcopy((self.student, self.optimizer))
        F.cross_entropy(student(self.batch.view), targets).backward()
        if before is not None:
            before(student)
        for group in optimizer.param_groups:
            group['lr'] = learning_rate
        self.rule.step(optimizer)
        return student

    def coefficient(
        self, estimator: BaseFeedback, targets: Tensor, learning_rate: float
    ) -> Tensor:
        """Compute the estimator's coefficient of one step on ``targets``."""
        self.batch.targets = targets
        student = self._stepped(
            targets,
            learning_rate,
            lambda old: estimator.before_student_step(old, [self.batch], 1.0),
        )
        names = dict(student.named_parameters())
        (coefficient,) = estimator.after_student_step(
            student, [self.batch], dict.fromkeys(names, learning_rate)
        )
        return coefficient

    def teacher_gradient(
        self, estimator: BaseFeedback, targets: Tensor, learning_rate: float
    ) -> Tensor:
        """Compute the gradient of the estimator's L_f at theta_T."""
        coefficient = self.coefficient(estimator, targets, learning_rate)
        self.predict()
        loss = estimator.loss(coefficient, self.batch)
        gradients = torch.autograd.grad(loss, list(self.teacher.parameters()))
        return nn.utils.parameters_to_vector(gradients)

    def targets_and_probs(self, kind: str) -> tuple[Tensor, Tensor]:
        """Return ``'soft'`` or ``'argmax'`` targets and the probabilities."""
        with torch.no_grad():
            self.predict()
        probs = self.batch.logits.weak.softmax(dim=1)
        if kind == 'argmax':
            return F.one_hot(probs.argmax(dim=1), CLASSES).double(), probs
        return probs, probs

    def all_draws(self) -> Iterator[tuple[float, Tensor]]:
        """Yield every joint draw of the labels, with its probability first."""
        _, probs = self.targets_and_probs('soft')
        rows = range(len(probs))
        for labels in itertools.product(range(CLASSES), repeat=len(probs)):
            labels = torch.tensor(labels)
            probability = probs[rows, labels].prod().item()
            yield probability, F.one_hot(labels, CLASSES).double()

    def true_gradient_of_draws(self, learning_rate: float) -> Tensor:
        """dE[L_l(theta')] / dtheta_T over all draws of the labels, exact."""
        losses = torch.tensor(
            [
                self.loss_after_step(targets, learning_rate)
                for _, targets in self.all_draws()
            ],
            dtype=torch.float64,
        )
        self.predict()
        log_probs = self.batch.logits.weak.log_softmax(dim=1)
        probs = torch.stack(
            [
                (targets * log_probs).sum().exp()
                for _, targets in self.all_draws()
            ]
        )
        gradients = torch.autograd.grad(
            probs @ losses, list(self.teacher.parameters())
        )
        return nn.utils.parameters_to_vector(gradients)

    def expected_gradient(self, name: str, learning_rate: float) -> Tensor:
        """The expectation of an estimator's gradient over all draws."""
        kind, labels = ESTIMATORS[name]
        if labels == 'sample':
            draws = list(self.all_draws())
        else:
            draws = [(1.0, self.targets_and_probs(labels)[0])]
        return sum(
            share * self.teacher_gradient(kind(), targets, learning_rate)
            for share, targets in draws
        )


def cosine(first: Tensor, second: Tensor) -> float:
    return F.cosine_similarity(first, second, dim=0).item()


def cosine_of_expectation(
    name: str, learning_rate: float, seed: int, unlabeled: int = 5
) -> float:
    """Compute the cosine of the expected gradient with the true gradient.

    The expectation is exact: it sums over all ``CLASSES ** unlabeled`` joint
    draws of the labels.
    """
    problem = Problem.random(seed, unlabeled, shift=0.5)
    true = problem.true_gradient(learning_rate)
    return cosine(problem.expected_gradient(name, learning_rate), true)


def cosine_and_scale(
    name: str,
    rule: str,
    seed: int,
    steps: int,
    learning_rate: float = 1e-3,
    unlabeled: int = 3,
) -> tuple[float, float]:
    """Compare the expectation with the gradient after the real step.

    Args:
        name: Estimator.
        rule: Key of ``STEP_RULES``.
        seed: Seed of the problem.
        steps: Earlier steps of the optimizer.
        learning_rate: Learning rate of the student.
        unlabeled: Number of unlabeled samples M.

    Returns:
        The cosine, and the length of the expectation over that of the true
        gradient. The 1/M of estimators with one coefficient for all samples
        is taken out.
    """
    problem = Problem.random(seed, unlabeled, 0.5, STEP_RULES[rule], steps)
    if ESTIMATORS[name][1] == 'soft':
        true = problem.true_gradient(learning_rate)
    else:
        true = problem.true_gradient_of_draws(learning_rate)
    found = problem.expected_gradient(name, learning_rate)
    if name not in ('per_sample', 'expected'):
        found = unlabeled * found
    return cosine(found, true), (found.norm() / true.norm()).item()


def compare_optimizers(
    earlier_steps: tuple[int, ...] = (0, 20), problems: int = 3
) -> list[dict]:
    """Compute a row for each optimizer and number of its earlier steps.

    Args:
        earlier_steps: Steps that the optimizer has done before.
        problems: Random problems to average.

    Returns:
        Rows with the mean cosine and the median scale of each estimator, as
        text, ``'cosine / scale'``.
    """
    rows = []
    for rule, steps in itertools.product(STEP_RULES, earlier_steps):
        row: dict = dict(optimizer=rule, earlier_steps=steps)
        for name in COMPARED_WITH_OPTIMIZERS:
            cosines, scales = zip(
                *(
                    cosine_and_scale(name, rule, seed, steps)
                    for seed in range(problems)
                )
            )
            cell = f'{np.mean(cosines):.3f} / {np.median(scales):.3g}'
            row[name] = cell
        rows.append(row)
    return rows


def cosine_of_single_draws(
    name: str,
    learning_rate: float,
    seed: int,
    unlabeled: int = 32,
    draws: int = 200,
) -> float:
    """Compute the mean cosine of the gradient of a single draw.

    An iteration of a training has one such draw.
    """
    kind, labels = ESTIMATORS[name]
    problem = Problem.random(seed, unlabeled, shift=0.5)
    true = problem.true_gradient(learning_rate)
    targets, probs = problem.targets_and_probs(labels)
    if labels != 'sample':
        draws = 1  # every draw is the same
    cosines = []
    for _ in range(draws):
        if labels == 'sample':
            label = torch.multinomial(probs, 1).squeeze(dim=1)
            targets = F.one_hot(label, CLASSES).double()
        gradient = problem.teacher_gradient(kind(), targets, learning_rate)
        cosines.append(cosine(gradient, true))
    return float(np.mean(cosines))


def batch_norm_bias(
    name: str,
    learning_rate: float,
    seed: int,
    unlabeled: int = 32,
    shift: float = 0.5,
) -> float:
    """Compute the bias of the coefficient, relative to its signal.

    The bias is the largest absolute coefficient of a step of length zero,
    where an unbiased one is 0; the signal is the change of the student's loss
    in a step of ``learning_rate``.
    """
    kind, labels = ESTIMATORS[name]
    problem = Problem.random(seed, unlabeled, shift)
    targets, _ = problem.targets_and_probs(
        'argmax' if labels == 'argmax' else 'soft'
    )
    bias = problem.coefficient(kind(), targets, 0.0).abs().max().item()
    old = problem.loss_after_step(targets, 0.0)
    signal = abs(old - problem.loss_after_step(targets, learning_rate))
    return bias / signal


def compare_estimators(
    learning_rates: tuple[float, ...] = (1e-3, 1e-2), problems: int = 5
) -> list[dict]:
    """Make the table, one row per estimator and learning rate.

    Args:
        learning_rates: Learning rates of the student.
        problems: Number of random problems over which the results are
            averaged (the median for the bias, which is a quotient).
    """
    rows = []
    for name in ESTIMATORS:
        for rate in learning_rates:
            numbers = [
                (
                    cosine_of_expectation(name, rate, seed),
                    cosine_of_single_draws(name, rate, seed),
                    batch_norm_bias(name, rate, seed),
                )
                for seed in range(problems)
            ]
            expectation, single, bias = zip(*numbers)
            rows.append(
                dict(
                    estimator=name,
                    student_lr=rate,
                    cosine_expectation=float(np.mean(expectation)),
                    cosine_single_draw=float(np.mean(single)),
                    bn_bias_over_signal=float(np.median(bias)),
                )
            )
    return rows
