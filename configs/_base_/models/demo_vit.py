# A Vision Transformer for faces of 48 pixels: 64 patches, 0.5 million weights.
vit = dict(
    arch=dict(
        embed_dims=96,
        num_layers=4,
        num_heads=3,
        feedforward_channels=384,
    ),
    img_size=48,
    patch_size=6,
)
