import copy

from mmengine.hooks import Hook


class Recorder(Hook):
    """Keeps what a loop logs, and batch and model before one iteration."""

    priority = 'VERY_LOW'

    def __init__(self, at=None):
        self.at = at
        self.outputs = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == self.at:
            self.batch = copy.deepcopy(data_batch)
            self.model = copy.deepcopy(runner.model)

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        self.outputs.append(
            {name: float(value) for name, value in outputs.items()}
        )
