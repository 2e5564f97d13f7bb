from __future__ import annotations

import os.path as osp

import torch
from mmengine.dist import get_rank
from mmengine.runner.checkpoint import save_checkpoint
from torch import Tensor


def check_finite(runner, network: str, values: dict[str, Tensor]) -> None:
    """Stop a run at the first loss or coefficient that is not finite.

    Args:
        runner: Its ``iter`` is the iteration in progress, from 0.
        network: Whose values they are, for the message.
        values: Tensors by name.

    Raises:
        FloatingPointError: A value is NaN or infinite. The weights of the
            moment are in the file that the message names.
    """
    finite = [torch.isfinite(value).all() for value in values.values()]
    # Read at once: the processor waits for the GPU at each reading.
    for (name, value), good in zip(
        values.items(), torch.stack(finite).tolist()
    ):
        if good:
            continue
        reason = f'{network}/{name} is {value.sum().item()}'
        iteration = runner.iter + 1
        name = f'nonfinite_iter_{iteration}_rank_{get_rank()}.pth'
        path = osp.join(runner.work_dir, name)
        save_checkpoint(
            dict(
                meta=dict(iter=runner.iter, reason=reason),
                state_dict=runner.model.state_dict(),
                optimizer=runner.optim_wrapper.state_dict(),
            ),
            path,
        )
        raise FloatingPointError(
            f'{reason} at iteration {iteration}: lower the learning rate or '
            'clip the gradients (clip_grad in optim_wrapper), and look at the '
            f'faces of this batch and at the weights in {path}.'
        )
