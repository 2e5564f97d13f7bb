from __future__ import annotations

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS, HOOKS
from torch import Tensor, nn

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
    network predicts.

    Args:
        dataset: Config of a dataset of faces like those that the network will
            see, such as the unlabeled ones.
        num_faces: Maximum number of faces.
        min_prior: Minimum prior of a class, so that no class is impossible.

    Raises:
        ValueError: The head has no prior.
    """

    # After EMAHook has averaged, and before the checkpoint is saved.
    priority = 'LOW'

    def __init__(
        self, dataset: dict, num_faces: int = 5000, min_prior: float = 1e-3
    ) -> None:
        self.dataset = dataset
        self.num_faces = num_faces
        self.min_prior = min_prior

    def before_run(self, runner) -> None:
        _head_of(runner.model)  # refuses another head before the training

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
        probs = self._predict(network)
        prior = estimate_class_prior(probs).clamp(min=self.min_prior)
        # Relative to the uniform prior, for which the logits stay the same.
        log_prior = (prior * len(prior)).log()
        for model in (runner.model, *averaged):
            _head_of(model).log_prior.copy_(log_prior)
        text = ', '.join(f'{value:.3f}' for value in prior.tolist())
        print_log(f'Class prior of the unlabeled faces: {text}.', 'current')

    @torch.no_grad()
    def _predict(self, network: nn.Module) -> Tensor:
        """Return probabilities (N, C) for balanced classes."""
        dataset = DATASETS.build(self.dataset)
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
    head = getattr(model, 'head', None)
    if not isinstance(head, PriorLinearHead):
        raise ValueError(
            'ClassPriorHook needs a network with model.head.type='
            f"'PriorLinearHead', found {type(head).__name__}."
        )
    return head
