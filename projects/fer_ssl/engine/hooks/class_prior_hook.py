from __future__ import annotations

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS, HOOKS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...evaluation.functional.class_prior import estimate_class_prior
from ...models.heads import PriorLinearHead

_BATCH_SIZE = 256


@HOOKS.register_module()
class ClassPriorHook(Hook):
    """Estimate the class prior of unlabeled faces for the head of a network.

    At the end of the training, before the checkpoint is saved, the network
    predicts random faces of a dataset, and :func:`estimate_class_prior` finds
    the prior from the predictions. No label of these faces is used. The head
    must be a :class:`PriorLinearHead`. With an ``EMAHook``, the averaged
    network predicts; of a teacher and a student, it is the student.

    Args:
        dataset: Config of a dataset of faces like those that the network will
            see. ``None`` uses the unlabeled faces of the training.
        num_faces: Maximum number of faces.
        min_prior: Minimum prior of a class, so that no class is impossible.

    Raises:
        ValueError: The head has no prior, or there is no dataset.
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

    def before_run(self, runner) -> None:
        # Refuses invalid settings before the training.
        _head_of(runner.model)
        if self.dataset is None and self._unlabeled(runner) is None:
            raise ValueError(
                'ClassPriorHook has no faces: set train_cfg.'
                'unlabeled_dataloader, or `dataset` of the hook.'
            )

    @staticmethod
    def _unlabeled(runner) -> dict | None:
        """Return the config of the unlabeled faces of the training."""
        loader = (runner.cfg.train_cfg or {}).get('unlabeled_dataloader')
        return loader and loader['dataset']

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        if runner.iter + 1 < runner.max_iters:
            return
        averaged = [
            hook.ema_model.module
            for hook in runner.hooks
            if isinstance(hook, EMAHook)
        ]
        network, *_ = averaged or [runner.model]
        dataset = DATASETS.build(self.dataset or self._unlabeled(runner))
        probs = self._predict(network, dataset)
        prior = estimate_class_prior(probs).clamp(min=self.min_prior)
        # Relative to the uniform prior, for which the logits stay the same.
        log_prior = (prior * len(prior)).log()
        for model in (runner.model, *averaged):
            _head_of(model).log_prior.copy_(log_prior)
        text = ', '.join(f'{value:.3f}' for value in prior.tolist())
        print_log(f'Class prior of the unlabeled faces: {text}.', 'current')

    @torch.no_grad()
    def _predict(self, network: nn.Module, dataset: Dataset) -> Tensor:
        """Return probabilities (N, C) for balanced classes."""
        generator = torch.Generator().manual_seed(0)
        indices = torch.randperm(len(dataset), generator=generator)
        was_training = network.training
        network.eval()
        logits = []
        for part in indices[: self.num_faces].split(_BATCH_SIZE):
            inputs = torch.stack([dataset[i]['inputs'] for i in part.tolist()])
            data = network.data_preprocessor(dict(inputs=inputs))
            logits.append(network(data['inputs'], mode='tensor').float())
        network.train(was_training)
        return torch.cat(logits).softmax(dim=1).cpu()


def _head_of(model: nn.Module) -> PriorLinearHead:
    if is_model_wrapper(model):
        model = model.module
    network = getattr(model, 'student', model)
    if is_model_wrapper(network):
        network = network.module
    head = getattr(network, 'head', None)
    if not isinstance(head, PriorLinearHead):
        raise ValueError(
            'ClassPriorHook needs a network with model.head.type='
            f"'PriorLinearHead', found {type(head).__name__}."
        )
    return head
