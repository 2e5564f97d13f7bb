"""What one step has to compute, as passes of images through a network."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE = 'plain PyTorch, dot'
PEER = 'Meta-Face2Exp'
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
    """Images that go through a network in one iteration.

    Attributes:
        forward: Through the network.
        backward: And back.
        tangent: With derivatives in forward mode; they are among ``forward``,
            too.
    """

    forward: int
    backward: int
    tangent: int = 0

    @property
    def cost(self) -> int:
        """In forward passes of one image.

        Each layer multiplies once going forward and twice going backward (by
        the weights and by the activations), as it does in forward mode.
        """
        return self.forward + 2 * (self.backward + self.tangent)


def passes(name: str, labeled: int, unlabeled: int) -> Passes:
    """What an implementation has to compute, for both networks together.

    The teacher sees the labeled faces and both views of the unlabeled ones,
    the student one view. On top comes what the feedback needs.

    Args:
        name: An estimator, ``'none'``, :data:`REFERENCE` or :data:`PEER`.
        labeled: Labeled faces of an iteration.
        unlabeled: Unlabeled faces.
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
        # The student learns from both, and the gradient is that of both.
        PEER: (2 * n, n, 0),
    }[name]
    step = n + 3 * m
    return Passes(step + forward, step + backward, tangent)
