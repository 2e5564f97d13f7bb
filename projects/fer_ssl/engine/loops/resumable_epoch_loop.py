from __future__ import annotations

from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from ...datasets.samplers import SeededEpochSampler
from .resumable_loop import ResumableLoop

_POSITION = 'batches_of_epoch'


@LOOPS.register_module()
class ResumableEpochLoop(ResumableLoop, EpochBasedTrainLoop):
    """Epoch-based training that resumes at any iteration of an epoch.

    Any sampler of MMEngine will do, such as ``DefaultSampler``.

    Args:
        dataloader: Config of the loader. It is built with
            :class:`SeededEpochSampler` around its sampler.
        kwargs: Options of mmengine's ``EpochBasedTrainLoop``.
    """

    def __init__(self, runner, dataloader: dict, **kwargs) -> None:
        super().__init__(
            runner, self.build_dataloader(runner, dataloader), **kwargs
        )

    @staticmethod
    def build_dataloader(runner, dataloader: dict) -> DataLoader:
        """Build a loader whose augmentations depend on the sample's draw only.

        Raises:
            ValueError: The loader has a batch sampler of its own.
        """
        if dataloader.get('batch_sampler'):
            raise ValueError(
                'ResumableEpochLoop resumes at a sample of an epoch, which a '
                'batch_sampler does not support: remove it, or use '
                'EpochBasedTrainLoop.'
            )
        return runner.build_dataloader(
            dict(
                dataloader,
                dataset=dict(
                    type='SeededDraws', dataset=dataloader['dataset']
                ),
                sampler=dict(
                    type='SeededEpochSampler', sampler=dataloader['sampler']
                ),
            ),
            seed=runner.seed,
        )

    def train(self) -> None:
        self.runner.call_hook('before_train')
        done = self._resumed_position()
        if self._iter > 0 and not done and not self.is_validated():
            self.validate_if_due(self._epoch, self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch(done)
            done = 0
            self.validate_if_due(self._epoch, self._max_epochs)
        self.runner.call_hook('after_train')

    def _resumed_position(self) -> int:
        """Return how many batches of the current epoch are already done."""
        sampler: SeededEpochSampler = self.dataloader.sampler
        # A run without a seed of its own resumes with the saved one.
        sampler.set_seed(self.runner.seed)
        hub = self.runner.message_hub
        done, length = hub.get_info(_POSITION, (0, 0))
        if done and length != len(self.dataloader):
            raise ValueError(
                f'The checkpoint was saved at batch {done} of {length} of an '
                f'epoch, but now an epoch has {len(self.dataloader)} batches: '
                'resume with the same data, batch size and number of '
                'processes, or from the end of an epoch.'
            )
        return done

    def run_epoch(self, done: int = 0) -> None:
        """Run one epoch.

        Args:
            done: Number of its batches that are already done.
        """
        runner = self.runner
        runner.call_hook('before_train_epoch')
        runner.model.train()
        self.dataloader.sampler.set_epoch(self._epoch)
        self.dataloader.sampler.start = done * self.dataloader.batch_size
        batches = iter(self.dataloader)
        for index in range(done, len(self.dataloader)):
            batch = self.next_batch(batches)
            # Before the iteration, as a hook may save a checkpoint in it.
            position = index + 1, len(self.dataloader)
            runner.message_hub.update_info(_POSITION, position)
            self.run_iter(index, batch)
        runner.message_hub.update_info(_POSITION, (0, len(self.dataloader)))
        runner.call_hook('after_train_epoch')
        self._epoch += 1
