from __future__ import annotations

from collections.abc import Mapping

from mmengine.evaluator import Evaluator
from mmengine.registry import EVALUATOR

#: Score of each task in the multi-task challenge, and its factor: F1 is in
#: percent here.
PARTS = {'VA/ccc': 1.0, 'EXPR/macro_f1': 0.01, 'AU/au_f1': 0.01}


@EVALUATOR.register_module()
class MultiTaskEvaluator(Evaluator):
    """Evaluator that adds the score of the multi-task challenge.

    The challenge (7th ABAW, arXiv:2407.03835) sums what its tasks are scored
    by::

        P = (CCC_valence + CCC_arousal) / 2 + mean F1 of the 8 expressions
            + mean F1 of the 12 action units

    Each term is in [0, 1], except for the CCC, which may be negative. The
    terms are over all labeled frames of their task. ``P_with_face`` is the sum
    over the frames with a face. A prefix of the metrics, such as
    ``prefix='smoothed_VA'``, becomes that of the sum, ``smoothed_P``. There is
    no sum if a task is missing or has no labels.

    Args:
        metrics: Configs of the metrics, with the default ``prefix`` or one
            that ends with the name of the task.

    Example:
        >>> val_evaluator = dict(
        ...     type='MultiTaskEvaluator',
        ...     metrics=[
        ...         dict(type='ValenceArousalMetric', task='VA'),
        ...         dict(type='MacroF1Metric', task='EXPR'),
        ...         dict(type='ActionUnitMetric', task='AU'),
        ...     ],
        ... )
    """

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the scores of all metrics, and the sums.

        Args:
            size: Number of items of the data set.
        """
        return with_sums(super().evaluate(size))


def with_sums(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of all tasks, followed by their sums."""
    first = next(iter(PARTS))
    sums = {}
    for key in scores:
        for end in ('', '_with_face'):
            prefix = key.removesuffix(first + end)
            terms = {f'{prefix}{x}{end}': PARTS[x] for x in PARTS}
            if prefix != key and terms.keys() <= scores.keys():
                total = sum(scores[x] * terms[x] for x in terms)
                sums[f'{prefix}P{end}'] = total
    return {**scores, **sums}
