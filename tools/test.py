"""Test a checkpoint: python tools/test.py CONFIG CHECKPOINT."""

import argparse

from fer_ssl.apis.default_checkpoint import check_checkpoint
from fer_ssl.launch import (
    add_launch_arguments,
    check_loops,
    load_config,
    load_strictly,
    results_in,
    run,
    use_gloo_without_gpu,
)
from fer_ssl.utils.terminal import build_runner


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test a model.')
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path or URL of the checkpoint')
    parser.add_argument(
        '--out', metavar='FILE.pkl', help='file to write the predictions to'
    )
    parser.add_argument(
        '--report', metavar='DIR', help='write a report to DIR/report.html'
    )
    add_launch_arguments(parser)
    args = parser.parse_args()
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out {args.out}: the name must end in .pkl.')
    return args


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    check_loops(cfg)
    check_checkpoint(args.checkpoint)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    use_gloo_without_gpu(cfg)

    from mmengine.evaluator import DumpResults

    from fer_ssl.engine import CalibrationHook, ReportHook, SettingsCheckHook
    from fer_ssl.utils.files import make_folder

    # Before the networks are built, as DIR may not be usable as a folder.
    if args.report:
        report = ReportHook(args.report)
    make_folder(cfg.work_dir)
    with results_in(args.out or cfg.work_dir):
        runner = build_runner(cfg)
        runner.register_hook(SettingsCheckHook(), 'HIGHEST')
        runner.register_hook(CalibrationHook())
        load_strictly(runner)
        if args.out:
            runner.test_evaluator.metrics.append(DumpResults(args.out))
        if args.report:
            runner.register_hook(report)
        runner.test()


if __name__ == '__main__':
    run(main)
