from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from mmengine.dist import all_reduce_dict
from torch import Tensor, nn

from ...models.batch_view import BatchView
from ...models.unwrapped import unwrapped
from ..averaged_models import averaged_models
from .resumable_train_loop import ResumableTrainLoop

_COUNTS = {2: 'two', 3: 'three'}


class PairedIterator:
    """Iterator over batches of several endless iterators, by their names."""

    def __init__(self, iterators: dict[str, Iterator]) -> None:
        self.iterators = iterators

    def __iter__(self):
        return self

    def __next__(self) -> dict:
        return {name: next(x) for name, x in self.iterators.items()}


class PairedTrainLoop(ResumableTrainLoop):
    """Resumable training on labeled and unlabeled faces, one batch of each.

    Args:
        dataloader: Labeled faces (the runner's ``train_dataloader``).
        unlabeled_dataloader: Unlabeled faces in several views; its ``inputs``
            are a list of views, the weak ones first and a strong one last.
            Its batch size is independent of the labeled one; their ratio is
            mu. ``None`` trains on labeled faces only.
        views: Transforms of :class:`BatchView` by the name of the view,
            ``weak`` and ``strong``. Both loaders then give the bare faces, and
            the loop makes the views from whole batches on the device.
        labeled_views: Names of the views of each labeled face, with ``views``.
        channels_last: Keep the weights of the convolutions, and thus their
            outputs, in the channels-last memory format. The results are the
            same up to rounding, and most hardware is faster with it.

    Raises:
        ValueError: ``views`` or ``labeled_views`` is invalid.
    """

    def __init__(
        self,
        runner,
        dataloader,
        unlabeled_dataloader: dict | None,
        views: dict[str, list[dict]] | None = None,
        labeled_views: Sequence[str] = ('weak',),
        channels_last: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(runner, dataloader, **kwargs)
        self.views = self._build_views(views, labeled_views)
        self.labeled_views = labeled_views
        self.channels_last = channels_last
        self.unlabeled_dataloader = None
        if unlabeled_dataloader is not None:
            self.unlabeled_dataloader = self.build_dataloader(
                runner, unlabeled_dataloader, stream=1
            )
        self.classes = self.dataloader.dataset.metainfo['classes']
        # Every new iterator draws from the generator of the start weights.
        self._pair(self.dataloader_iterator)

    @staticmethod
    def _build_views(
        views: dict[str, list[dict]] | None, labeled_views: Sequence[str]
    ) -> dict[str, BatchView] | None:
        if views is None:
            if tuple(labeled_views) != ('weak',):
                raise ValueError(
                    f'labeled_views={labeled_views!r} needs train_cfg.views='
                    'dict(weak=[...], strong=[...]).'
                )
            return None
        if set(views) != {'weak', 'strong'}:
            raise ValueError(
                'train_cfg.views must be dict(weak=[...], strong=[...]), '
                f'found {", ".join(views) or "nothing"}.'
            )
        if not labeled_views or set(labeled_views) - set(views):
            raise ValueError(
                f'labeled_views={labeled_views!r} must name at least one of '
                'weak and strong.'
            )
        return {name: BatchView(steps) for name, steps in views.items()}

    def _pair(self, labeled: Iterator) -> None:
        """Iterate over both loaders from the current iteration.

        Args:
            labeled: Iterator over the labeled loader.
        """
        iterators = dict(labeled=labeled)
        if self.unlabeled_dataloader is not None:
            iterators['unlabeled'] = self.iterator_at(
                self.unlabeled_dataloader, self._iter
            )
        self.dataloader_iterator = PairedIterator(iterators)

    def resume_data(self) -> None:
        self._pair(self.iterator_at(self.dataloader, self._iter))

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
        if self.channels_last:
            # Not earlier: random start weights are drawn in memory order.
            self.bare_model.to(memory_format=torch.channels_last)
            for averaged in averaged_models(self.runner):
                averaged.module.to(memory_format=torch.channels_last)
                if averaged.update_buffers:
                    # It holds the tensors of before, which are not the
                    # network's anymore.
                    averaged.avg_parameters = averaged.module.state_dict()
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
            Labeled faces (N, C, H, W), their labels (N,) or, if the data set
            gives distributions as ``gt_score``, (N, K), the views of the
            unlabeled faces, each (M, C, H, W), the strong one last, and the
            true labels of the unlabeled faces (M,), -1 where unknown. N is
            the number of labeled faces times the number of labeled views.

        Raises:
            ValueError: The unlabeled loader gives a different number of
                views.
        """
        faces, labels = self.unpack_labeled(data_batch)
        batch = data_batch['unlabeled']
        views = batch['inputs']
        names = ['weak'] * num_weak_views + ['strong']
        if self.views:
            if not isinstance(views, Tensor):
                raise ValueError(
                    'With train_cfg.views, the unlabeled loader must give one '
                    'image of each face: remove MultiView from its pipeline, '
                    "and set collate_fn=dict(type='default_collate')."
                )
            (images,), truth = self._move(batch, [views])
            views = [self.views[name](images) for name in names]
        else:
            if isinstance(views, Tensor) or len(views) != len(names):
                raise ValueError(
                    'The unlabeled loader must give '
                    f'{_COUNTS[num_weak_views + 1]} views of each face: end '
                    f'its pipeline with MultiView(num_views=[{num_weak_views},'
                    ' 1], ...) and PackInputs, and set '
                    "collate_fn=dict(type='default_collate')."
                )
            views, truth = self._move(batch, views)
        return faces, labels, self._normalize(views), truth

    def unpack_labeled(self, data_batch: dict) -> tuple[Tensor, Tensor]:
        """Return the normalized labeled faces and their labels."""
        batch = data_batch['labeled']
        if not isinstance(batch['inputs'], Tensor):
            raise ValueError(
                'The labeled loader must give one image of each face: set '
                "collate_fn=dict(type='default_collate'), and remove "
                'MultiView from its pipeline.'
            )
        faces, labels = self._move(batch, [batch['inputs']])
        if 'gt_score' in batch['data_samples'][0]:
            scores = [x.gt_score for x in batch['data_samples']]
            labels = torch.stack(scores).to(labels.device)
        if self.views:
            views = [self.views[name](faces[0]) for name in self.labeled_views]
            faces = [torch.cat(views)]
            labels = torch.cat([labels] * len(views))
        return self._normalize(faces)[0], labels

    def _move(
        self, batch: dict, views: list[Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """Move views of faces and their labels (N,) to the device."""
        device = next(self.bare_model.parameters()).device
        labels = torch.cat([x.gt_label for x in batch['data_samples']])
        return [x.to(device) for x in views], labels.to(device)

    def _normalize(self, views: list[Tensor]) -> list[Tensor]:
        # Without the data samples, which the preprocessor would move to the
        # device one by one.
        preprocess = self.bare_model.data_preprocessor
        return [preprocess(dict(inputs=x), True)['inputs'] for x in views]

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
        for name in ('feedback/auc', 'feedback/auc_same_label'):
            if math.isnan(outputs.get(name, 0.0)):
                del outputs[name]
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
