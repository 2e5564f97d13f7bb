from __future__ import annotations

import os.path as osp

import torch
from mmengine.dist import get_rank
from mmengine.runner.checkpoint import save_checkpoint
from torch import Tensor


def check_finite(runner, network: str, values: dict[str, Tensor]) -> None:
    """Stop a run at the first loss or coefficient that is not finite.

    Args:
        runner: The runner; its ``iter`` is the current iteration, from 0.
        network: The network that the values belong to, for the message.
        values: Tensors by name.

    Raises:
        FloatingPointError: A value is NaN or infinite. The current weights
            are saved in the file that the message names.
    """
    finite = [torch.isfinite(value).all() for value in values.values()]
    # Read all at once, since each read makes the CPU wait for the GPU.
    for (name, value), is_finite in zip(
        values.items(), torch.stack(finite).tolist()
    ):
        if is_finite:
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
            'clip the gradients (clip_grad in optim_wrapper), and check the '
            f'faces of this batch and the weights, which are saved in {path}.'
        )
