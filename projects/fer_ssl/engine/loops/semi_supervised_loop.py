from __future__ import annotations

import torch
from mmengine.registry import LOOPS, TASK_UTILS

from ...datasets.samplers import ResumableSampler
from ...models.methods import MethodBatch
from ...models.methods.base_method import predict, supervised_result
from ...models.pseudo_labels import describe_pseudo_labels
from ..averaged_models import averaged_models
from .non_finite import check_finite
from .paired_train_loop import PairedTrainLoop

_STATE = 'semi_supervised_method'


@LOOPS.register_module()
class SemiSupervisedLoop(PairedTrainLoop):
    """Training of one classifier on labeled and unlabeled faces.

    The model is a plain mmpretrain classifier with a plain optimizer, so its
    checkpoints are like those of supervised training. The method defines what
    the classifier learns from the unlabeled faces. Its state is kept in the
    message hub, which is saved with the checkpoint.

    Args:
        method: Config of a :class:`BaseMethod`.
        dataloader: Labeled faces (the runner's ``train_dataloader``).
        unlabeled_dataloader: See :class:`PairedTrainLoop`. It is not used if
            the method learns from labeled faces only.
        kwargs: Options of :class:`PairedTrainLoop`.
    """

    def __init__(
        self,
        runner,
        dataloader,
        method: dict,
        unlabeled_dataloader: dict | None = None,
        **kwargs,
    ) -> None:
        kind = method['type']
        if isinstance(kind, str):
            kind = TASK_UTILS.get(kind)
        if kind is not None and not kind.num_weak_views:
            unlabeled_dataloader = None
        super().__init__(runner, dataloader, unlabeled_dataloader, **kwargs)
        num_unlabeled = 0
        if self.unlabeled_dataloader is not None:
            num_unlabeled = len(self.unlabeled_dataloader.dataset)
            sampler = self.unlabeled_dataloader.sampler
            if not isinstance(sampler, ResumableSampler):
                raise ValueError(
                    f'SemiSupervisedLoop cannot tell which faces '
                    f'{type(sampler).__name__} has drawn: set the sampler of '
                    "train_cfg.unlabeled_dataloader to dict(type='"
                    "InfiniteShuffleSampler')."
                )
        self.method = TASK_UTILS.build(
            method,
            default_args=dict(
                num_classes=len(self.classes),
                num_labeled=len(self.dataloader.dataset)
                * len(self.labeled_views),
                num_unlabeled=num_unlabeled,
                max_iters=self.max_iters,
            ),
        )
        if self.method.num_weak_views and self.unlabeled_dataloader is None:
            raise ValueError(
                f'{type(self.method).__name__} learns from unlabeled faces: '
                'set train_cfg.unlabeled_dataloader.'
            )
        needed = self.method.labeled_views
        if needed and tuple(self.labeled_views) != needed:
            raise ValueError(
                f'{type(self.method).__name__} needs several views of each '
                f'labeled face: set train_cfg.labeled_views={needed}.'
            )

    def prepare(self) -> None:
        super().prepare()
        self.method.check_network(self.bare_model)
        self.method.to(next(self.runner.model.parameters()).device)
        if self.method.uses_teacher:
            averaged = averaged_models(self.runner)
            if not averaged:
                raise ValueError(
                    f'{type(self.method).__name__} needs averaged weights: '
                    "add dict(type='EMAHook', ema_type='MomentumAnnealingEMA'"
                    ', momentum=0.001, gamma=10, update_buffers=True) to '
                    'custom_hooks.'
                )
            self.teacher = averaged[0].module.eval()

    def resume_data(self) -> None:
        """Move the loaders to the current iteration; restore the method."""
        super().resume_data()
        state = self.runner.message_hub.get_info(_STATE, {})
        try:
            self.method.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(
                'The checkpoint does not belong to a training with '
                f'{type(self.method).__name__} on this data: start from its '
                f'weights by load_from, without resume. {error}'
            ) from error

    def run_iter(self, data_batch: dict) -> None:
        """Run one step of the network on one pair of batches."""
        runner = self.runner
        runner.call_hook(
            'before_train_iter', batch_idx=self._iter, data_batch=data_batch
        )
        learns_unlabeled = (
            self.unlabeled_dataloader is not None
            and self._iter >= self.method.warm_start_iters
        )
        if learns_unlabeled:
            faces, labels, views, truth = self.unpack(
                data_batch, self.method.num_weak_views
            )
            # Computed again from the iteration: the batches do not carry them.
            indices = self.unlabeled_dataloader.sampler.indices_at(self._iter)
            indices = torch.tensor(indices, device=faces.device)
            batch = MethodBatch(faces, labels, views[:-1], views[-1], indices)
        else:
            batch = MethodBatch(*self.unpack_labeled(data_batch))
        optim = runner.optim_wrapper
        with optim.optim_context(runner.model):
            if not learns_unlabeled:
                result = supervised_result(runner.model, batch)
            else:
                if self.method.uses_teacher:
                    with torch.no_grad():
                        (batch.teacher_logits,) = predict(
                            self.teacher, batch.weak[0]
                        )
                result = self.method.loss(runner.model, batch, self._iter)
        losses = result.losses
        check_finite(runner, type(self.method).__name__, losses)
        total = sum(losses.values())
        outputs = dict(loss=total, **losses)
        outputs = {name: value.detach() for name, value in outputs.items()}
        if result.logits is not None:
            outputs.update(
                describe_pseudo_labels(
                    result.logits,
                    result.targets,
                    truth,
                    self.classes,
                    result.confident,
                )
            )
        # The CPU waits here for the GPU, so before the backward pass rather
        # than after it.
        self.sync_log(outputs)
        optim.update_params(total)
        runner.message_hub.update_info(_STATE, dict(self.method.state_dict()))
        runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=data_batch,
            outputs=outputs,
        )
        self._iter += 1
