# The eight expressions of ABAW, in the order of their labels.
classes = (
    'neutral',
    'anger',
    'disgust',
    'fear',
    'happiness',
    'sadness',
    'surprise',
    'other',
)
