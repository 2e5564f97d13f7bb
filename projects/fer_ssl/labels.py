"""Names of the classes, in the order of the ABAW challenges."""

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
