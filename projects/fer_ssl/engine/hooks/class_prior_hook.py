from __future__ import annotations

import logging

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import DATASETS, HOOKS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...datasets.samplers.seeded_draws import SeededDraws
from ...evaluation.functional.class_prior import estimate_class_prior
from ...models.heads import PriorLinearHead
from ...models.teacher_student import TeacherStudent
from ...models.unwrapped import unwrapped
from ..averaged_models import averaged_models

_BATCH_SIZE = 256


@HOOKS.register_module()
class ClassPriorHook(Hook):
    """Estimate the class prior of unlabeled faces for the head of a network.

    At the end of the training, before the checkpoint is saved, the network
    predicts random faces of a dataset, and :func:`estimate_class_prior` finds
    the prior from the predictions. No label of these faces is used. The head
    must be a :class:`PriorLinearHead`. With an ``EMAHook``, the averaged
    network predicts.

    The estimate assumes that the network has learned balanced classes. The
    prior therefore stays uniform, with a warning, if the labeled faces have
    label distributions, such as votes, and the student of a teacher, which
    learns pseudo-labels, is refused.

    Args:
        dataset: Config of a dataset of faces like those that the network will
            see, one image of each. ``None`` uses the unlabeled faces of the
            training.
        num_faces: Maximum number of faces.
        min_prior: Minimum prior of a class, so that no class is impossible.

    Raises:
        ValueError: The network is a teacher and a student, or its head has
            no prior, or there is no dataset, or its items have several views.
    """

    # After EMAHook has averaged, and before the checkpoint is saved.
    priority = 'LOW'

    def __init__(
        self,
        dataset: dict | None = None,
        num_faces: int = 5000,
        min_prior: float = 1e-3,
    ) -> None:
        self.dataset = dataset
        self.num_faces = num_faces
        self.min_prior = min_prior

    def before_train(self, runner) -> None:
        # Refuses invalid settings before the training.
        _head_of(runner.model)
        self.faces = self._build_faces(runner)
        inputs = self.faces[0]['inputs']
        if not isinstance(inputs, Tensor):
            raise ValueError(
                'ClassPriorHook needs one image of each face: set its '
                '`dataset` to one whose pipeline has no MultiView, such as '
                'that of val_dataloader.'
            )

    def _build_faces(self, runner) -> Dataset:
        if self.dataset is not None:
            return DATASETS.build(self.dataset)
        loader = getattr(runner.train_loop, 'unlabeled_dataloader', None)
        if loader is not None:
            faces = loader.dataset
            return faces.dataset if isinstance(faces, SeededDraws) else faces
        # Supervised training has no such loader, but may name the faces.
        loader = runner.cfg.train_cfg.get('unlabeled_dataloader')
        if loader is None:
            raise ValueError(
                'ClassPriorHook has no faces: set train_cfg.'
                'unlabeled_dataloader, or `dataset` of the hook.'
            )
        return DATASETS.build(loader['dataset'])

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        if runner.iter + 1 < runner.max_iters:
            return
        labeled = data_batch.get('labeled', data_batch)
        if any('gt_score' in x for x in labeled['data_samples']):
            print_log(
                'The class prior stays uniform: its estimate assumes balanced '
                'classes, and the labeled faces have label distributions. '
                'Remove ClassPriorHook.',
                'current',
                logging.WARNING,
            )
            return
        averaged = [x.module for x in averaged_models(runner)]
        network, *_ = averaged or [unwrapped(runner.model)]
        probs = self._predict(network)
        prior = estimate_class_prior(probs)
        rare = (prior < self.min_prior).nonzero().flatten().tolist()
        prior = prior.clamp(min=self.min_prior)
        # Relative to the uniform prior, for which the logits stay the same.
        log_prior = (prior * len(prior)).log()
        log_prior = log_prior.to(_head_of(runner.model).log_prior)
        # Each rank has BatchNorm statistics of its own.
        broadcast(log_prior)
        for model in (runner.model, *averaged):
            _head_of(model).log_prior.copy_(log_prior)
        text = ', '.join(f'{value:.3f}' for value in prior.tolist())
        print_log(f'Class prior of the unlabeled faces: {text}.', 'current')
        if rare:
            print_log(
                f'None of these faces seems to belong to classes {rare} '
                '(numbered from 0). If some do, the network has not learned '
                'enough for an estimate: train longer, or remove '
                'ClassPriorHook.',
                'current',
                logging.WARNING,
            )

    @torch.no_grad()
    def _predict(self, network: nn.Module) -> Tensor:
        """Return probabilities (N, C) for balanced classes."""
        generator = torch.Generator().manual_seed(0)
        indices = torch.randperm(len(self.faces), generator=generator)
        was_training = network.training
        network.eval()
        logits = []
        for part in indices[: self.num_faces].split(_BATCH_SIZE):
            images = [self.faces[i]['inputs'] for i in part.tolist()]
            data = network.data_preprocessor(dict(inputs=torch.stack(images)))
            logits.append(network(data['inputs'], mode='tensor').float())
        network.train(was_training)
        return torch.cat(logits).softmax(dim=1).cpu()


def _head_of(model: nn.Module) -> PriorLinearHead:
    network = unwrapped(model)
    if isinstance(network, TeacherStudent):
        raise ValueError(
            'ClassPriorHook needs a network that learns balanced classes, but '
            'the student of a TeacherStudent learns pseudo-labels: remove '
            'the hook.'
        )
    head = getattr(network, 'head', None)
    if not isinstance(head, PriorLinearHead):
        raise ValueError(
            "ClassPriorHook needs model.head.type='PriorLinearHead', found "
            f'{type(head).__name__}.'
        )
    return head
