from __future__ import annotations

import os.path as osp
from collections.abc import Sequence

from ..media.media_sources import MediaSource
from ..utils.files import make_folder, unique_names


def plan_outputs(
    sources: Sequence[MediaSource], out_dir: str | None
) -> list[str | None]:
    """Choose where the results of each source are written.

    It fails at once, not after an hour of prediction, if the folder cannot be
    used.

    Args:
        sources: Images, videos and webcams.
        out_dir: Folder of all results; ``None`` writes nothing.

    Returns:
        The overlay of each image, all in ``overlay/``, and the folder of each
        video, which is ``out_dir`` itself if there is no other source.

    Raises:
        ValueError: The folder cannot be used, or an overlay would overwrite
            its source.
    """
    if out_dir is None:
        return [None] * len(sources)
    make_folder(out_dir)
    is_image = [source.kind == 'image' for source in sources]
    names = [source.stem for source in sources]
    folders = iter(unique_names([n for n, i in zip(names, is_image) if not i]))
    images = iter(unique_names([n for n, i in zip(names, is_image) if i]))
    outputs = []
    for source in sources:
        if source.kind == 'image':
            output = osp.join(out_dir, 'overlay', f'{next(images)}.jpg')
            overlay = output
        else:
            output = out_dir
            if len(sources) > 1:
                output = osp.join(out_dir, next(folders))
            overlay = osp.join(output, 'overlay.mp4')
        _check_not_overwritten(source, overlay)
        outputs.append(output)
    return outputs


def _check_not_overwritten(source: MediaSource, target: str) -> None:
    if not isinstance(source.place, str) or not osp.isfile(source.place):
        return
    if osp.exists(target) and osp.samefile(source.place, target):
        raise ValueError(
            f'{source.place}: the overlay would overwrite this {source.kind}. '
            'Choose another folder for the results.'
        )
