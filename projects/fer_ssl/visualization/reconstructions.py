"""Plot of faces, their visible patches and their reconstructions."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from mmpretrain.models import MAE

from .plain_text import plain_text


@torch.no_grad()
def reconstruct(
    model: MAE, images: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a masked autoencoder on faces.

    With ``norm_pix`` the network predicts patches of mean 0 and variance 1;
    they then get mean and variance of the true patch, as is usual in such
    figures.

    Args:
        model: Masked autoencoder in eval mode.
        images: Normalized faces, (B, 3, H, H).

    Returns:
        Faces with predictions in place of the masked patches, (B, 3, H, H),
        and the pixel mask, 1 = masked, (B, 1, H, H).
    """
    head = model.head
    latent, mask, ids_restore = model.backbone(images)
    patches = model.neck(latent, ids_restore)
    truth = head.patchify(images)
    if head.norm_pix:
        std = (truth.var(dim=-1, keepdim=True) + 1e-6).sqrt()
        patches = patches * std + truth.mean(dim=-1, keepdim=True)
    mask = mask[..., None]
    faces = head.unpatchify(torch.where(mask > 0, patches, truth))
    return faces, head.unpatchify(mask.expand_as(truth))[:, :1]


def plot_reconstructions(
    model: MAE, images: torch.Tensor, pixels: torch.Tensor
) -> Figure:
    """Plot rows of faces, masked faces and reconstructions.

    Args:
        model: Masked autoencoder in eval mode.
        images: Normalized faces, (B, 3, H, H).
        pixels: Mean and standard deviation of the normalization, RGB from 0
            to 255, (2, 3).
    """
    faces, mask = reconstruct(model, images)
    mean, std = pixels[..., None, None]

    def to_rgb(x: torch.Tensor) -> torch.Tensor:
        return ((x * std + mean) / 255).clamp(0, 1)

    gray = torch.full_like(images, 0.5)
    rows = {
        'face': to_rgb(images),
        'visible': torch.where(mask > 0, gray, to_rgb(images)),
        'reconstructed': to_rgb(faces),
    }
    count = len(images)
    figure = Figure(figsize=(1.1 * count + 1, 3.6), dpi=150)
    figure.set_layout_engine('constrained')
    grid = figure.subplots(3, count, squeeze=False)
    for axes, (name, row) in zip(grid, rows.items()):
        axes[0].set_ylabel(plain_text(name))
        for cell, image in zip(axes, row):
            cell.imshow(image.permute(1, 2, 0).cpu().numpy())
            cell.set_xticks([])
            cell.set_yticks([])
    return figure
