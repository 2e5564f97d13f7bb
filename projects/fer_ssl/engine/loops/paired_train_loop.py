from __future__ import annotations

import torch
from mmengine.dist import all_reduce_dict
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from .resumable_train_loop import ResumableTrainLoop

_COUNTS = {2: 'two', 3: 'three'}


class PairedIterator:
    """Next batches of two endless iterators, as one dict."""

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
            are a list, the weak ones first and one strong view last. Its
            batch size is independent of the labeled one; their ratio is mu.
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
        """Check the parts of the run and compile what is to be compiled."""
        self.check_parts()
        self._compile()

    def _compile(self) -> None:
        """Compile the backbones by ``compile`` of the config.

        MMEngine does so with ``train_step``, which these loops do not call.
        """
        options = self.runner.cfg.get('compile')
        if not options:
            return
        for network in self.networks:
            backbone = unwrapped(network).backbone
            backbone.compile(**({} if options is True else options))

    def check_parts(self) -> None:
        """Refuse what the steps of the loop would get wrong."""
        preprocessor = self.bare_model.data_preprocessor
        if getattr(preprocessor, 'batch_augments', None) is not None:
            raise ValueError(
                'data_preprocessor.batch_augments mixes labels, which '
                f'{type(self).__name__} does not support: remove it.'
            )

    def unpack(
        self, data_batch: dict, num_weak_views: int = 1
    ) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
        """Normalised faces and labels on the device.

        Returns:
            Labeled faces (N, 3, H, W), their labels (N,), the views of the
            unlabeled faces, each (M, 3, H, W), the strong one last, and the
            true labels of these (M,), -1 if unknown.

        Raises:
            ValueError: The unlabeled loader gives another number of views.
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
        # Without the data samples, which would go to the device one by one.
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
    def read(outputs: dict) -> None:
        """Means over all ranks as numbers: the log of the whole batch.

        All at once, since the processor waits for the GPU at each reading,
        and MMEngine would read one by one.
        """
        all_reduce_dict(outputs, op='mean')
        values = torch.stack([x.float() for x in outputs.values()]).tolist()
        outputs.update(zip(outputs, values))
        known = outputs.pop('pseudo_label/known', 0)
        hits = outputs.pop('pseudo_label/hits', 0)
        if known > 0:
            outputs['pseudo_label/accuracy'] = hits / known
        # A batch may hold no face that is confident, or of a class: the
        # ratio of two means over many iterations is the accuracy of these or
        # the recall, a mean of ratios is not.
        counts = ('known_', 'hits_', 'confident_known', 'confident_hits')
        prefixes = tuple(f'pseudo_label/{name}' for name in counts)
        names = [name for name in outputs if name.startswith(prefixes)]
        if not any(outputs[name] for name in names):
            for name in names:
                del outputs[name]


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside of DDP."""
    return network.module if is_model_wrapper(network) else network
