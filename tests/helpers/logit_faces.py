"""Faces that are their own logits, for methods with values by hand."""

import os

import torch
from mmengine.registry import TASK_UTILS

from fer_ssl.models.methods import MethodBatch
from tests.helpers.ranks import run_on_ranks

SIZES = dict(num_classes=3, num_labeled=4, num_unlabeled=6, max_iters=100)


class Logits:
    """Network that returns each face as its logits."""

    def __call__(self, inputs, mode):
        return inputs


def logits_of(*rows):
    """Logits of distributions that need not sum to one."""
    return torch.tensor(rows).log().requires_grad_()


def normalized(values):
    """List of values, divided by their sum."""
    return [value / sum(values) for value in values]


def batch_of(labeled, labels, weak, strong):
    """Batch of faces with these distributions."""
    weak = logits_of(*weak)
    return MethodBatch(
        logits_of(*labeled),
        torch.tensor(labels),
        [weak],
        logits_of(*strong),
        torch.arange(len(weak)),
    )


def learn(config, weak, strong, rank=0, world_size=1):
    """Two iterations of a method with a rank's part of the faces.

    Returns:
        Losses of the second, the gradients of its strong views, and the state
        of the method.
    """
    method = TASK_UTILS.build(dict(config, **SIZES))
    for iteration in (90, 91):
        part = slice(rank, None, world_size)
        batch = batch_of([[0.5, 0.25, 0.25]], [1], weak[part], strong[part])
        losses = method.loss(Logits(), batch, iteration).losses
    sum(losses.values()).backward()
    losses = {name: value.detach() for name, value in losses.items()}
    return losses, batch.strong.grad, method.state_dict()


def _learn_as_rank(*args):
    torch.distributed.init_process_group('gloo')
    result = learn(*args, int(os.environ['RANK']), 2)
    torch.distributed.destroy_process_group()
    return result


def learn_on_two_ranks(folder, *args):
    """Do what :func:`learn` does, on two ranks with every other face.

    Returns:
        Mean losses, gradients of their sum, and the state on each rank.
    """
    ranks = run_on_ranks(_learn_as_rank, args, 2, f'{folder}/result')
    losses, grads, states = zip(*ranks)
    mean = {name: sum(x[name] for x in losses) / 2 for name in losses[0]}
    # DDP averages the gradients; the ranks have the faces in turn.
    grads = torch.stack(grads, dim=1).flatten(0, 1) / 2
    return mean, grads, states
