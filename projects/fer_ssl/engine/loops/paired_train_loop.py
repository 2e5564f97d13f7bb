from __future__ import annotations

import torch
from mmengine.dist import all_reduce_dict
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from .resumable_train_loop import ResumableTrainLoop

_COUNTS = {2: 'two', 3: 'three'}


class PairedIterator:
    """Iterator over pairs of batches of two endless iterators."""

    def __init__(self, labeled, unlabeled) -> None:
        self.labeled = labeled
        self.unlabeled = unlabeled

    def __iter__(self):
        return self

    def __next__(self) -> dict:
        return dict(labeled=next(self.labeled), unlabeled=next(self.unlabeled))


class PairedTrainLoop(ResumableTrainLoop):
    """Resumable training on labeled and unlabeled faces, one batch of each.

    Args:
        dataloader: Labeled faces (the runner's ``train_dataloader``).
        unlabeled_dataloader: Unlabeled faces in several views; its ``inputs``
            are a list of views, the weak ones first and a strong one last.
            Its batch size is independent of the labeled one; their ratio is
            mu.
    """

    def __init__(
        self, runner, dataloader, unlabeled_dataloader, **kwargs
    ) -> None:
        super().__init__(runner, dataloader, **kwargs)
        self.unlabeled_dataloader = self.build_dataloader(
            runner, unlabeled_dataloader, stream=1
        )
        self.classes = self.dataloader.dataset.metainfo['classes']
        self.dataloader_iterator = PairedIterator(
            self.dataloader_iterator,
            self.iterator_at(self.unlabeled_dataloader, self._iter),
        )

    def resume_data(self) -> None:
        self.dataloader_iterator = PairedIterator(
            self.iterator_at(self.dataloader, self._iter),
            self.iterator_at(self.unlabeled_dataloader, self._iter),
        )

    @property
    def bare_model(self) -> nn.Module:
        """The runner's model, not wrapped for DDP."""
        return unwrapped(self.runner.model)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Networks that are trained, perhaps wrapped for DDP."""
        return (self.bare_model,)

    def run(self) -> nn.Module:
        self.prepare()
        return super().run()

    def prepare(self) -> None:
        """Check the parts of the run and compile the backbones if asked to."""
        self.check_parts()
        self._compile()

    def _compile(self) -> None:
        """Compile the backbones if the config has ``compile``.

        MMEngine compiles ``train_step``, which these loops do not call.
        """
        options = self.runner.cfg.get('compile')
        if not options:
            return
        for network in self.networks:
            backbone = unwrapped(network).backbone
            backbone.compile(**({} if options is True else options))

    def check_parts(self) -> None:
        """Refuse parts of the run that the loop would handle incorrectly."""
        preprocessor = self.bare_model.data_preprocessor
        if getattr(preprocessor, 'batch_augments', None) is not None:
            raise ValueError(
                'data_preprocessor.batch_augments mixes labels, which '
                f'{type(self).__name__} does not support: remove it.'
            )

    def unpack(
        self, data_batch: dict, num_weak_views: int = 1
    ) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
        """Normalize the faces and move faces and labels to the device.

        Args:
            data_batch: Batches ``labeled`` and ``unlabeled`` of the loaders.
            num_weak_views: Number of weak views of each unlabeled face.

        Returns:
            Labeled faces (N, 3, H, W), their labels (N,), the views of the
            unlabeled faces, each (M, 3, H, W), the strong one last, and the
            true labels of the unlabeled faces (M,), -1 where unknown.

        Raises:
            ValueError: The unlabeled loader gives a different number of
                views.
        """
        preprocess = self.bare_model.data_preprocessor
        labeled, unlabeled = data_batch['labeled'], data_batch['unlabeled']
        views = unlabeled['inputs']
        if isinstance(views, Tensor) or len(views) != num_weak_views + 1:
            raise ValueError(
                'The unlabeled loader must give '
                f'{_COUNTS[num_weak_views + 1]} views of each face: end its '
                f'pipeline with MultiView(num_views=[{num_weak_views}, 1], '
                '...) and PackInputs, and set '
                "collate_fn=dict(type='default_collate')."
            )
        # Without the data samples, which the preprocessor would move to the
        # device one by one.
        faces, *views = (
            preprocess(dict(inputs=x), True)['inputs']
            for x in (labeled['inputs'], *views)
        )
        labels, truth = (
            torch.cat([sample.gt_label for sample in samples]).to(faces.device)
            for samples in (
                labeled['data_samples'],
                unlabeled['data_samples'],
            )
        )
        return faces, labels, views, truth

    @staticmethod
    def sync_log(outputs: dict) -> None:
        """Replace the values of a log by their means over all ranks.

        The means are Python numbers, all read at once: each read makes the
        CPU wait for the GPU, and MMEngine would read them one by one.

        Args:
            outputs: Scalar tensors by name; changed in place.
        """
        all_reduce_dict(outputs, op='mean')
        values = torch.stack([x.float() for x in outputs.values()]).tolist()
        outputs.update(zip(outputs, values))
        known = outputs.pop('pseudo_label/known', 0)
        hits = outputs.pop('pseudo_label/hits', 0)
        if known > 0:
            outputs['pseudo_label/accuracy'] = hits / known
        # These stay separate, as a batch may have no confident face or no
        # face of a class. The accuracy of the confident faces and the recall
        # of a class are the ratio of two means over many iterations; the
        # mean of the iterations' ratios would be wrong.
        counts = ('known_', 'hits_', 'confident_known', 'confident_hits')
        prefixes = tuple(f'pseudo_label/{name}' for name in counts)
        names = [name for name in outputs if name.startswith(prefixes)]
        if not any(outputs[name] for name in names):  # no label is known
            for name in names:
                del outputs[name]


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside its DDP wrapper, if it has one."""
    return network.module if is_model_wrapper(network) else network
