"""Shipped configs of the temporal phase on faces of 8 pixels, in seconds."""

from fer_ssl.features.extract_features import extract_features
from tests.datasets.videos.aff_wild2_files import write_aff_wild2
from tests.helpers.tiny_networks import write_student


def shrink(config, folder, max_epochs):
    """Shrink all except the temporal encoder; features get 16 channels."""
    write_aff_wild2(folder / 'data')
    config.model.backbone.update(
        arch=dict(
            embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16
        ),
        img_size=8,
        patch_size=4,
    )
    for part in ('train', 'val', 'test', 'extract'):
        loader = config[f'{part}_dataloader']
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset.update(
            data_root=str(folder / 'data'), ann_file='', data_prefix=None
        )
        if part != 'extract':
            stores = loader.dataset.feature_store
            if isinstance(stores, str):
                stores = str(folder / 'visual')
            else:
                stores = {name: str(folder / name) for name in stores}
            loader.dataset.update(window=6, stride=4, feature_store=stores)
    config.train_cfg.max_epochs = max_epochs
    config.model.student_checkpoint = str(folder / 'student.pth')
    config.work_dir = str(folder / 'work')
    config.experiment_name = folder.name
    config.visualizer = None
    config.log_level = 'ERROR'


def extract(config, folder):
    """Write an untrained student and its features of all frames."""
    student = config.model.student_checkpoint
    write_student(student, config.model.backbone)
    extract_features(config, student, str(folder / 'visual'))
