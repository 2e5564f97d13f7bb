from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from torch import Tensor


@HOOKS.register_module()
class FeedbackLossHook(Hook):
    """Scales the feedback coefficient f before it enters L_f, and logs it.

    L_f = f * CE(y, T(x_FR)) (paper A, Eq. 5). Since f contains the student's
    learning rate, L_f is small compared with the other losses; ``weight`` and
    ``normalize`` make it effective. The options apply in this order::

        f <- f - running mean       with moving_baseline
        f <- f / running RMS        with normalize (of the f above)
        f <- clamp(f, -clip, clip)  with clip
        f <- f * weight * min(1, iteration / ramp_up)

    Running mean and RMS are over all coefficients of all ranks, with the
    given momentum; they are saved with the checkpoint.

    Args:
        weight: Factor of L_f, 1 in the paper.
        moving_baseline: Subtract the running mean of earlier iterations. This
            removes noise and, if labels are sampled, does not change the
            expectation of the gradient.
        normalize: Divide by the running root mean square, including this
            iteration, so that ``weight`` means the same for every estimator
            and learning rate.
        clip: Largest absolute value, after the two steps above.
        ramp_up: Number of iterations over which the weight grows from 0.
        momentum: Momentum of the running mean and RMS.
    """

    def __init__(
        self,
        weight: float = 1.0,
        moving_baseline: bool = False,
        normalize: bool = False,
        clip: float | None = None,
        ramp_up: int = 0,
        momentum: float = 0.01,
    ) -> None:
        self.weight = weight
        self.moving_baseline = moving_baseline
        self.normalize = normalize
        self.clip = clip
        self.ramp_up = ramp_up
        self.momentum = momentum

    def before_teacher_step(
        self, runner, batch_idx: int, feedback: list[Tensor], outputs: dict
    ) -> None:
        """Replace the coefficients in ``feedback`` and log them.

        Args:
            runner: The runner.
            batch_idx: The iteration, from 0.
            feedback: Coefficients of each micro-batch, of any shape; the list
                is changed in place.
            outputs: Log of the iteration. Added are the coefficients' mean
                over this batch, the fraction of positive ones, and their
                running standard deviation, ``feedback/std``.
        """
        hub = runner.message_hub
        state = hub.get_info('feedback_moments', dict(weight=0.0, running=[0]))
        # The mean of earlier iterations only: a baseline that depended on the
        # draw it is subtracted from would bias the gradient.
        values = torch.cat([f.flatten() for f in feedback])
        running = torch.as_tensor(state['running']).to(values)
        baseline = 0.0
        if self.moving_baseline and state['weight']:
            baseline = running[0] / state['weight']
        centered = values - baseline
        moments = torch.stack(
            [x.mean() for x in (values, values.square(), centered.square())]
        )
        all_reduce(moments, op='mean')
        running = torch.lerp(running.expand(3), moments, self.momentum)
        # The running means start at 0; dividing by the weight, which goes to
        # 1, corrects that bias, as in Adam.
        weight = state['weight'] + self.momentum * (1 - state['weight'])
        state = dict(weight=weight, running=running)
        hub.update_info('feedback_moments', state)
        mean, square, scale = running / weight
        outputs['feedback/mean'] = values.mean()
        outputs['feedback/std'] = (square - mean**2).clamp(min=0).sqrt()
        outputs['feedback/positive'] = (values > 0).float().mean()

        factor = self.weight
        if self.ramp_up:
            factor *= min(1.0, (batch_idx + 1) / self.ramp_up)
        for index, value in enumerate(feedback):
            value = value - baseline
            if self.normalize:
                value = value / scale.sqrt().clamp(min=1e-20)
            if self.clip is not None:
                value = value.clamp(-self.clip, self.clip)
            feedback[index] = factor * value
