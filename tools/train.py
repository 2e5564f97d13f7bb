"""Train the model of a config: python tools/train.py CONFIG."""

import argparse

from fer_ssl.apis.launch import (
    add_launch_arguments,
    check_start_weights,
    enable_amp,
    load_config,
    load_strictly,
    run,
    use_gloo_without_gpu,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a path, from the latest '
        'one in the work directory',
    )
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision'
    )
    add_launch_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    check_start_weights(cfg.model)
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.amp:
        enable_amp(cfg)
    use_gloo_without_gpu(cfg)

    from mmengine.runner import Runner

    runner = Runner.from_cfg(cfg)
    if cfg.get('resume'):
        load_strictly(runner)
    runner.train()


if __name__ == '__main__':
    run(main)
