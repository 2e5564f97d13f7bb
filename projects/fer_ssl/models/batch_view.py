from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class BatchView(nn.Module):
    """Random view of a batch, with independent random numbers for each face.

    The view is made of the whole batch, on its device, by augmentations of
    Kornia. For small faces, this takes a few percent of the time of pipelines
    that process one image at a time. The random numbers are those of PyTorch's
    global generators, which the training loops seed at each iteration.

    Args:
        transforms: Configs of classes of ``kornia.augmentation``, such as
            ``dict(type='RandomAffine', degrees=20)``, in order.

    Raises:
        ValueError: Kornia has no such augmentation, or it has no such
            argument.

    Example:
        >>> view = BatchView([dict(type='RandomHorizontalFlip', p=0.5)])
        >>> view(torch.full((2, 1, 48, 48), 255, dtype=torch.uint8)).max()
        tensor(255.)
    """

    def __init__(self, transforms: Sequence[dict]) -> None:
        super().__init__()
        # Imported here because it takes about a second.
        from kornia import augmentation

        steps = []
        for transform in transforms:
            options = dict(transform)
            name = options.pop('type', '')
            kind = getattr(augmentation, name, None)
            if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
                near = difflib.get_close_matches(name, dir(augmentation), 3)
                hint = f'; similar: {", ".join(near)}' if near else ''
                raise ValueError(
                    f'BatchView: kornia.augmentation has no {name!r}{hint}.'
                )
            try:
                steps.append(kind(**options))
            except TypeError as error:
                raise ValueError(f'BatchView: {name}: {error}.') from error
        self.steps = nn.Sequential(*steps)

    @torch.no_grad()
    def forward(self, faces: Tensor) -> Tensor:
        """Return a random view of each face.

        Args:
            faces: uint8, (N, C, H, W).

        Returns:
            float32 from 0 to 255, (N, C, H, W).
        """
        return self.steps(faces.float() / 255).clamp(0, 1) * 255
