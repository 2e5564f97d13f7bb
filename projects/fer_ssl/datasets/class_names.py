from __future__ import annotations


def check_class_names(metainfo: dict) -> dict:
    """Return the metainfo of a data set if its classes are a list.

    Raises:
        ValueError: The classes are a text: MMEngine reads the names from a
            file, and keeps the text if there is no such file.
    """
    classes = metainfo.get('classes')
    if isinstance(classes, str):
        raise ValueError(
            f'metainfo=dict(classes={classes!r}): no such file. Name an '
            'existing file with one class per line, or list the classes.'
        )
    return metainfo
