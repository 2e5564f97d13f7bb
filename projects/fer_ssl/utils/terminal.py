"""What stays off the terminal and is written to the log file alone.

This concerns the tables that MMEngine logs at every start, and warnings that
upstream packages raise about their own code whatever the config is. Nothing
that a user can act on is listed here.
"""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

#: How these log records begin, after the module that logs them.
RECORDS = (
    ('mmengine.runner.runner', '\n' + '-' * 60 + '\nSystem environment:'),
    ('mmengine.runner.runner', 'Config:\n'),
    ('mmengine.runner.runner', 'Hooks will be executed in the following '),
    # This is logged even for a model without such layers.
    ('mmengine.runner.runner', 'Distributed training is not used, '),
    # CheckpointHook still uses both.
    ('mmengine.fileio.file_client', '"FileClient" will be deprecated '),
    ('mmengine.fileio.file_client', '"HardDiskBackend" is the alias '),
    # `test --out` adds DumpResults, which has no scores to prefix.
    ('mmengine.evaluator.metric', 'The prefix is not set in metric class Dum'),
)
#: How these warnings begin, after the module that raises them.
WARNINGS = (
    # No config of this package needs the operators that mmcv-lite lacks.
    ('mmcv.cnn.bricks.transformer', 'Fail to import ``MultiScaleDeformable'),
    # mmpretrain's ColorJitter does pass alpha alone.
    ('mmcv.image.photometric', "Only use 'alpha' for pillow backend."),
    # torch compiles its own formulas when it differentiates in forward mode.
    ('torch.jit._script', '`torch.jit.script` is deprecated.'),
    # MMEngine's runner wraps every model with this argument.
    ('mmengine.model.wrappers.distributed', '`broadcast_buffers` is '),
)

_files: list[logging.FileHandler] = []  # the log files of this process
_waiting: list[str] = []  # warnings from before a log file was open


def hold_back_warnings() -> None:
    """Send the listed warnings to the log file instead of the terminal.

    A script without a log file drops them. Python's own filters, such as
    ``-W error``, come first.
    """
    show = warnings.showwarning

    def show_or_log(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        if file is not None or not _is_listed(str(message), filename):
            show(message, category, filename, lineno, file, line)
            return
        _waiting.append(f'{filename}:{lineno}: {category.__name__}: {message}')
        _log_waiting()

    warnings.showwarning = show_or_log


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, whose logger is brief on the terminal."""
    from mmengine.runner import Runner

    class BriefRunner(Runner):
        def build_logger(self, *args: Any, **kwargs: Any) -> logging.Logger:
            logger = super().build_logger(*args, **kwargs)
            for handler in logger.handlers:
                if isinstance(handler, logging.FileHandler):
                    _files.append(handler)
                else:
                    handler.addFilter(_is_for_terminal)
            if _files:
                logger.info(
                    'The log with environment, config and hooks is '
                    f'{_files[-1].baseFilename}.'
                )
            _log_waiting()
            return logger

    return BriefRunner.from_cfg(cfg)


def _is_for_terminal(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(tuple(x for _, x in RECORDS))


def _is_listed(message: str, filename: str) -> bool:
    module = re.sub(r'[\\/]', '.', filename.removesuffix('.py'))
    return any(
        module.endswith(f'.{name}') and message.startswith(text)
        for name, text in WARNINGS
    )


def _log_waiting() -> None:
    if not _files:
        return
    for text in _waiting:
        record = logging.LogRecord(
            'mmengine', logging.WARNING, '', 0, text, None, None
        )
        for file in _files:
            file.handle(record)
    _waiting.clear()
