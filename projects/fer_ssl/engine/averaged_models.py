from __future__ import annotations

from mmengine.hooks import EMAHook
from mmengine.model import BaseAveragedModel
from mmengine.runner import Runner


def averaged_models(runner: Runner) -> list[BaseAveragedModel]:
    """Return the averaged models of the hooks of a run."""
    return [
        hook.ema_model for hook in runner.hooks if isinstance(hook, EMAHook)
    ]
