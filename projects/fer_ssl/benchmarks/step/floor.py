"""Minimum work of one step, as passes of images through a network."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE = 'plain PyTorch, dot'
BASELINE = 'Meta-Face2Exp'
NO_FEEDBACK = 'none'
ESTIMATORS = (
    'dot',
    'jvp',
    'finite_difference',
    'expected',
    'per_sample',
    'public_recipe',
)


@dataclass(frozen=True)
class Passes:
    """Number of images that pass through a network in one iteration.

    Attributes:
        forward: Images in forward passes.
        backward: Images in backward passes.
        tangent: Images in forward passes that also compute derivatives in
            forward mode; ``forward`` includes them.
    """

    forward: int
    backward: int
    tangent: int = 0

    @property
    def cost(self) -> int:
        """Total work, in forward passes of one image.

        Each layer multiplies once in the forward pass and twice in the
        backward pass (by the weights and by the activations). Forward mode
        adds the same two products.
        """
        return self.forward + 2 * (self.backward + self.tangent)


def passes(name: str, labeled: int, unlabeled: int) -> Passes:
    """Count the passes that an implementation needs, for both networks.

    The teacher sees the labeled faces and both views of the unlabeled ones,
    the student one view. The feedback adds its own passes.

    Args:
        name: An estimator, :data:`NO_FEEDBACK`, :data:`REFERENCE` or
            :data:`BASELINE`.
        labeled: Labeled faces per iteration.
        unlabeled: Unlabeled faces per iteration.
    """
    n, m = labeled, unlabeled
    forward, backward, tangent = {
        NO_FEEDBACK: (0, 0, 0),
        'dot': (n, n, 0),
        REFERENCE: (n, n, 0),
        'jvp': (n, 0, n),
        'finite_difference': (2 * n, 0, 0),
        'expected': (n + m, n, m),
        'per_sample': (n + m, n, m),
        'public_recipe': (2 * n + m, 0, 0),
        # The student sees the labeled faces twice, once with gradients.
        BASELINE: (2 * n, n, 0),
    }[name]
    step = n + 3 * m
    return Passes(step + forward, step + backward, tangent)
