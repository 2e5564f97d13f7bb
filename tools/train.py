"""Train the model of a config: python tools/train.py CONFIG."""

import argparse

from fer_ssl.apis.default_checkpoint import check_checkpoint
from fer_ssl.launch import (
    add_launch_arguments,
    check_loops,
    check_schedules,
    check_start_weights,
    enable_amp,
    load_config,
    load_strictly,
    lock_work_dir,
    outlive_mim,
    results_in,
    resume_command,
    run,
    use_gloo_without_gpu,
)
from fer_ssl.utils.terminal import build_runner


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from this checkpoint; without a path, from the latest '
        'one in the work directory',
    )
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision'
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    outlive_mim(args.launcher)  # forks, so before anything is loaded
    cfg = load_config(args)
    check_loops(cfg)
    check_schedules(cfg)
    check_start_weights(cfg.model)
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if cfg.get('load_from'):
        check_checkpoint(cfg.load_from)
    if args.amp:
        enable_amp(cfg)
    lock_work_dir(cfg)
    use_gloo_without_gpu(cfg)

    from fer_ssl.engine import SettingsCheckHook
    from fer_ssl.engine.graceful_stop import TrainingInterrupted

    with results_in(cfg.work_dir):
        runner = build_runner(cfg)
        runner.register_hook(SettingsCheckHook(), 'HIGHEST')
        if cfg.get('resume'):
            load_strictly(runner)
        try:
            runner.train()
        except TrainingInterrupted as stop:
            command = resume_command(args.config, args.launcher)
            stop.args = (f'{stop} Resume with:\n{command}',)
            raise


if __name__ == '__main__':
    run(main)
