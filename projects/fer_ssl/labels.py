"""Class names of every data set in label order, and mappings between them.

Each data set numbers its classes in its own way. Here each number gets a name,
the same one in all data sets, and :func:`label_mapping` maps the numbers of
one data set to the classes of another.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import DATASETS

#: Expression classes of Aff-Wild2 in the order of its integer labels.
ABAW_EXPRESSIONS = (
    'neutral',
    'anger',
    'disgust',
    'fear',
    'happiness',
    'sadness',
    'surprise',
    'other',
)

#: Action units of the ABAW detection challenge, in its column order.
ABAW_ACTION_UNITS = (
    'AU1',
    'AU2',
    'AU4',
    'AU6',
    'AU7',
    'AU10',
    'AU12',
    'AU15',
    'AU23',
    'AU24',
    'AU25',
    'AU26',
)

#: The two dimensions of the ABAW estimation challenge, in its column order.
ABAW_VALENCE_AROUSAL = ('valence', 'arousal')

#: Columns of a prediction in each track of the ABAW challenges.
ABAW_TRACKS = {
    'EXPR': ABAW_EXPRESSIONS,
    'VA': ABAW_VALENCE_AROUSAL,
    'AU': ABAW_ACTION_UNITS,
}

#: Label of a sample that carries no annotation.
IGNORE_LABEL = -1

#: Valence and arousal of a frame that carries no annotation.
IGNORE_VALENCE_AROUSAL = -5.0

#: Class names by taxonomy, in the order of their integer codes. Listed here
#: are those without a data set class; a data set class registers its own with
#: :func:`register_taxonomy` when it is imported.
TAXONOMIES: dict[str, tuple[str, ...]] = {
    'abaw': ABAW_EXPRESSIONS,
    # Copies of AffectNet that come as folders 0 to 7.
    'affectnet_alphabetical': (
        'anger',
        'contempt',
        'disgust',
        'fear',
        'happiness',
        'neutral',
        'sadness',
        'surprise',
    ),
    'fer2013': (
        'anger',
        'disgust',
        'fear',
        'happiness',
        'sadness',
        'surprise',
        'neutral',
    ),
}

#: Code of the first class, for taxonomies that do not count from 0.
FIRST_CODES: dict[str, int] = {}

#: Alternative spellings of the names above.
ALIASES = {
    'angry': 'anger',
    'contemptuous': 'contempt',
    'disgusted': 'disgust',
    'fearful': 'fear',
    'happy': 'happiness',
    'nf': 'no-face',
    'noface': 'no-face',
    'non-face': 'no-face',
    'sad': 'sadness',
    'surprised': 'surprise',
    'unknown': 'uncertain',
}

#: Value of an option of :func:`label_mapping`: the faces get no label.
DROP = 'drop'


def canonical_name(name: str) -> str:
    """Return a class name in the spelling of this package.

    ``'Angry'`` becomes ``'anger'``; a name without an alias is returned in
    lower case.
    """
    name = re.sub(r'[\s_]+', '-', name.strip().lower())
    return ALIASES.get(name, name)


def register_taxonomy(
    name: str, classes: Sequence[str], first_code: int = 0
) -> str:
    """Add the class names of a data set to :data:`TAXONOMIES`.

    Args:
        name: Key of the taxonomy, such as ``'raf_db'``.
        classes: Class names in the order of their codes, spelled as in the
            other taxonomies.
        first_code: Code of the first class.

    Returns:
        ``name``, so that a class can keep it as its ``taxonomy``.

    Raises:
        ValueError: The name is already registered with other classes.
    """
    entry = tuple(classes), first_code
    known = TAXONOMIES.get(name, entry[0]), FIRST_CODES.get(name, first_code)
    if known != entry:
        raise ValueError(
            f'The taxonomy {name!r} is already registered, with the classes '
            f'{", ".join(known[0])} numbered from {known[1]}. Choose another '
            'name.'
        )
    TAXONOMIES[name], FIRST_CODES[name] = entry
    return name


def label_mapping(
    source: str | Sequence[str],
    classes: Sequence[str],
    *,
    contempt: str | None = None,
    none: str | None = None,
    uncertain: str | None = None,
    no_face: str | None = None,
    drop: Sequence[str] = (),
) -> np.ndarray:
    """Map each class of a data set to a class index.

    A class maps to the class of the same name. A class without a counterpart
    maps to -1 with a warning, unless an option says otherwise. An option is
    the name of one of ``classes``, or ``'drop'`` for -1 without a warning. An
    option for a class that the data set does not have has no effect.

    Args:
        source: Key of :data:`TAXONOMIES`, or class names in order.
        classes: Class names to map to, in label order.
        contempt: Target of 'contempt'.
        none: Target of 'none' (AffectNet: none of the eight expressions).
        uncertain: Target of 'uncertain' (FERPlus: 'unknown').
        no_face: Target of 'no-face' (FERPlus: 'NF').
        drop: Other classes of the data set to map to -1.

    Returns:
        int64 (C,), index into ``classes`` or -1, for each of the C classes of
        the data set. (Its codes may begin at 1, see :data:`FIRST_CODES`.)

    Raises:
        ValueError: The taxonomy or a name in an option is unknown.

    Example:
        >>> label_mapping('raf_db', ('neutral', 'surprise'), drop=())
        array([ 1, -1, -1, -1, -1, -1,  0])
    """
    if isinstance(source, str):
        if source not in TAXONOMIES:
            # The data set classes register theirs when imported.
            DATASETS.import_from_location()
        if source not in TAXONOMIES:
            raise ValueError(
                f'Unknown taxonomy {source!r}; the known ones are '
                f'{", ".join(sorted(TAXONOMIES))}.'
            )
        title, names = source, TAXONOMIES[source]
    else:
        title, names = ', '.join(source), tuple(source)
    targets = {
        'contempt': contempt,
        'none': none,
        'uncertain': uncertain,
        'no-face': no_face,
    }
    targets = {name: to for name, to in targets.items() if to is not None}
    for name in drop:
        if name not in names:
            raise ValueError(
                f'drop={name!r}: the data set has no such class. Its '
                f'classes are {", ".join(names)}.'
            )
        targets[name] = DROP
    index = {name: i for i, name in enumerate(classes)}
    for name, to in targets.items():
        if to != DROP and to not in index:
            raise ValueError(
                f'{name!r} cannot be mapped to {to!r}, which is neither one '
                f'of the classes {", ".join(classes)} nor {DROP!r}.'
            )
    lost = [x for x in names if x not in targets and x not in index]
    if lost:
        print_log(
            f'Labels ({title}): no class for {", ".join(lost)} among '
            f'{", ".join(classes)}. Such faces count as not annotated. To map '
            'them, or to drop them without this warning, set an option of the '
            'labels (contempt, none, uncertain, no_face, drop).',
            'current',
            logging.WARNING,
        )
    return np.array(
        [index.get(targets.get(name, name), IGNORE_LABEL) for name in names],
        dtype=np.int64,
    )
