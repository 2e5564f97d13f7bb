from __future__ import annotations

from mmengine.registry import DATA_SAMPLERS, LOOPS
from mmengine.runner import IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader

from ...datasets.samplers import ResumableSampler
from .resumable_loop import ResumableLoop


@LOOPS.register_module()
class ResumableTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """Iteration-based training that resumes without replaying the data.

    On resume mmengine's loop reads and decodes all past batches again. This
    loop tells the samplers of this package the iteration instead; a loader
    with another sampler starts from the beginning.
    """

    def __init__(self, runner, dataloader, **kwargs) -> None:
        super().__init__(
            runner, self.build_dataloader(runner, dataloader), **kwargs
        )

    @staticmethod
    def build_dataloader(
        runner, dataloader: DataLoader | dict, stream: int = 0
    ) -> DataLoader:
        """Build a loader and tell its sampler the batch size.

        Args:
            runner: The runner.
            dataloader: The loader or its config.
            stream: Number of the loader within the loop, so that the
                augmentations of two loaders draw different random numbers.
        """
        if isinstance(dataloader, dict):
            sampler = dataloader['sampler']['type']
            if isinstance(sampler, str):
                sampler = DATA_SAMPLERS.get(sampler)
            if sampler is not None and issubclass(sampler, ResumableSampler):
                dataset = dict(
                    type='SeededDraws',
                    dataset=dataloader['dataset'],
                    stream=stream,
                )
                dataloader = dict(dataloader, dataset=dataset)
            dataloader = runner.build_dataloader(dataloader, seed=runner.seed)
        if isinstance(dataloader.sampler, ResumableSampler):
            dataloader.sampler.batch_size = dataloader.batch_size
        return dataloader

    def iterator_at(self, dataloader: DataLoader, iteration: int):
        """Return an endless iterator that starts at batch ``iteration``."""
        if isinstance(dataloader.sampler, ResumableSampler):
            # A run without a seed of its own resumes with the saved one.
            dataloader.sampler.seed = self.runner.seed
            dataloader.sampler.start = iteration
        return _InfiniteDataloaderIterator(dataloader)

    def resume_data(self) -> None:
        """Move the loaders to the current iteration."""
        self.dataloader_iterator = self.iterator_at(
            self.dataloader, self._iter
        )

    def train(self) -> None:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        if self._iter > 0:
            self.resume_data()
            if not self.is_validated():
                self.validate_if_due(self._iter, self._max_iters)
        while self._iter < self._max_iters and not self.stop_training:
            self.run_next()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')

    def run_next(self) -> None:
        """Run one iteration and the validation that is due after it."""
        self.runner.model.train()
        self.run_iter(self.next_batch(self.dataloader_iterator))
        self.validate_if_due(self._iter, self._max_iters)
