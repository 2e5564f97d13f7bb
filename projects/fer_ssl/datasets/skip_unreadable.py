from __future__ import annotations

import logging

import cv2
import mmcv
import torch
from mmengine import fileio
from mmengine.logging import print_log

#: What mmcv and the file backends raise for a missing, undecodable, empty or
#: cut-off image.
READ_ERRORS = (OSError, AssertionError, cv2.error)
#: So many in a row are no damaged images, but a missing disk.
_MOST_IN_A_ROW = 100


def is_readable(img_path: str) -> bool:
    """Whether an image (a file or an address in an archive) can be decoded."""
    try:
        return mmcv.imfrombytes(fileio.get(img_path)) is not None
    except READ_ERRORS:
        return False


class SkipUnreadable:
    """Mixin for datasets of images: what to do about those that do not open.

    The dataset's items have ``img_path`` and ``gt_label``.

    Args:
        on_unreadable: ``'raise'``, or ``'skip'``: warn, count, and take the
            next face with the same label in place of an unreadable image.
    """

    def __init__(self, *args, on_unreadable: str = 'raise', **kwargs) -> None:
        if on_unreadable not in ('raise', 'skip'):
            raise ValueError(
                f'{type(self).__name__}: on_unreadable={on_unreadable!r} is '
                "neither 'raise' nor 'skip'."
            )
        self.on_unreadable = on_unreadable
        # In shared memory, so that the loader's workers count together.
        self._num_unreadable = torch.zeros((), dtype=torch.int64)
        self._num_unreadable.share_memory_()
        super().__init__(*args, **kwargs)

    @property
    def num_unreadable(self) -> int:
        """Images skipped as unreadable so far, over all workers."""
        return int(self._num_unreadable)

    def prepare_data(self, idx: int) -> dict:
        """Item ``idx`` through the pipeline.

        Raises:
            ValueError: The image cannot be read and ``on_unreadable`` is
                ``'raise'``, or none of the images tried in its place can.
        """
        label = self.get_data_info(idx)['gt_label']
        tried = 0
        for step in range(len(self)):
            info = self.get_data_info((idx + step) % len(self))
            if info['gt_label'] != label:
                continue
            path = info['img_path']
            try:
                return self.pipeline(info)
            except READ_ERRORS as error:
                if is_readable(path):
                    raise  # some other step of the pipeline failed
                if self.on_unreadable == 'raise':
                    raise ValueError(
                        f'{path}: not a readable image ({error}). Set '
                        "on_unreadable='skip' to leave such images out."
                    ) from error
                self._num_unreadable += 1
                print_log(
                    f'{path}: not a readable image, skipped '
                    f'({self.num_unreadable} so far).',
                    'current',
                    logging.WARNING,
                )
            tried += 1
            if tried == _MOST_IN_A_ROW:
                break
        raise ValueError(
            f'{self.ann_file}: {tried} images with label {label} in a row '
            f'cannot be read, the last one is {path}. Is the disk there?'
        )
