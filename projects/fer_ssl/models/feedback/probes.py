"""Losses, gradients and derivatives that leave the student unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, all_reduce_params
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from ...compat import differentiable_attention
from ..bfloat16_autocast import bfloat16_autocast
from .meta_batch import MetaBatch

Tensors = dict[str, Tensor]  # by the name of a parameter

_BATCH_NORM = (_BatchNorm.forward, nn.SyncBatchNorm.forward)


@contextmanager
def frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """Keep every layer's buffers, such as running statistics, as they are.

    The layers compute what they would compute without it: BatchNorm
    normalizes with batch statistics in training mode.
    """
    batch_norms, others = [], []
    for layer in module.modules():
        if getattr(type(layer), 'forward', None) in _BATCH_NORM:
            if layer.track_running_stats:
                batch_norms.append(layer)
        elif layer._buffers:
            others.append((layer._buffers, dict(layer._buffers)))
    for layer in batch_norms:
        # In training mode PyTorch then uses the batch alone. This saves the
        # copies that the other layers need.
        layer.track_running_stats = False
    for buffers, kept in others:
        copies = {n: x.clone() for n, x in kept.items() if x is not None}
        buffers.update(copies)
    try:
        yield
    finally:
        for layer in batch_norms:
            layer.track_running_stats = True
        for buffers, kept in others:
            buffers.update(kept)


@contextmanager
def replayed_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Draw the random numbers that follow ``torch.manual_seed(seed)``.

    Afterward the generators are as they were before.
    """
    devices = [device] if device.type == 'cuda' else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


def trained_weights(student: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {n: p for n, p in student.named_parameters() if p.requires_grad}


def copied_gradients(student: nn.Module, scale: float = 1.0) -> Tensors:
    """Copy the gradients that ``backward`` left, divided by ``scale``.

    They are copies because optimizers may change ``.grad`` in place (Nesterov
    momentum, gradient clipping, a fused step under loss scaling).
    """
    return {
        name: p.grad.detach() / scale
        for name, p in trained_weights(student).items()
        if p.grad is not None
    }


def scaled(tensors: Tensors, factors: Mapping[str, float]) -> Tensors:
    """Multiply each tensor by the factor of its name."""
    return {name: factors[name] * x for name, x in tensors.items()}


def dot_product(
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    factors: Mapping[str, float],
) -> Tensor:
    """Sum first * second * factor over all weights, a scalar.

    Each parameter has one factor, which multiplies the parameter's sum: this
    saves a copy of all tensors.
    """
    names = [name for name in first if name in second]
    products = torch.stack(
        [torch.dot(first[n].flatten(), second[n].flatten()) for n in names]
    )
    return torch.dot(
        products, products.new_tensor([factors[n] for n in names])
    )


def logits_of(student: nn.Module, faces: Tensor, weights=None) -> Tensor:
    """Compute the student's logits (N, C), with ``weights`` if given."""
    arguments = (student, weights or {}, (faces,), dict(mode='tensor'))
    with frozen_running_statistics(student):
        return functional_call(*arguments)


def labeled_loss(
    student: nn.Module, batches: Sequence[MetaBatch], weights=None
) -> Tensor:
    """Compute L_l, the cross-entropy of this rank's labeled faces, a scalar.

    Args:
        student: mmpretrain classifier, not wrapped for DDP.
        batches: Micro-batches of equal size.
        weights: Weights by name to use in place of the student's own.
    """
    losses = [
        F.cross_entropy(logits_of(student, b.faces, weights), b.labels)
        for b in batches
    ]
    return torch.stack(losses).mean()


def labeled_gradients(
    student: nn.Module, batches: Sequence[MetaBatch], bfloat16: bool = False
) -> Tensors:
    """Compute the gradient of L_l, averaged over all ranks.

    Args:
        student: mmpretrain classifier, not wrapped for DDP.
        batches: Micro-batches of equal size.
        bfloat16: Differentiate under autocast to bfloat16.

    Returns:
        Gradients by the name of the parameter.
    """
    weights = trained_weights(student)
    device = batches[0].faces.device.type
    total: Tensors = {}
    for batch in batches:  # one graph at a time, to save memory
        with bfloat16_autocast(device, bfloat16):
            loss = labeled_loss(student, [batch]) / len(batches)
        grads = torch.autograd.grad(
            loss, list(weights.values()), allow_unused=True
        )
        for name, grad in zip(weights, grads):
            if grad is not None:
                total[name] = total[name] + grad if name in total else grad
    all_reduce_params(list(total.values()), op='mean')
    return total


@contextmanager
def _differentiable_kernels() -> Iterator[None]:
    """Avoid attention kernels and compiled code without forward mode."""
    eager = torch.compiler.set_stance('force_eager')
    with differentiable_attention(), eager:
        yield


def directional_derivative(
    function: Callable[[Tensors], Tensor],
    weights: Mapping[str, Tensor],
    direction: Mapping[str, Tensor],
) -> Tensor:
    """Compute d/de function(weights + e * direction) at e = 0.

    This takes one forward-mode pass; no graph is kept for a backward pass.

    Returns:
        The derivative, of the shape of the function's value.
    """
    with torch.no_grad(), forward_ad.dual_level(), _differentiable_kernels():
        duals = {
            name: forward_ad.make_dual(weight.detach(), direction[name])
            for name, weight in weights.items()
            if name in direction
        }
        return forward_ad.unpack_dual(function(duals)).tangent


def mean_over_ranks(value: Tensor) -> Tensor:
    """Average a scalar over all ranks."""
    value = value.detach().clone()  # all_reduce works in place
    all_reduce(value, op='mean')
    return value
