"""Measure the CPU time of imports, of a first iteration and a resumed one.

    python tools/benchmark/startup.py --out startup.csv

Compares `import fer_ssl` with `import mmengine`, and a training of one
iteration, from scratch and resumed at iteration 20, with the import that every
training needs. Trains with configs/demo/demo_spatial.py on synthetic faces.
All commands alternate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from fer_ssl.benchmarks.startup import (
    compare_startup,
    import_commands,
    startup_rows,
    training_command,
)
from fer_ssl.data_preparation.synthetic import (
    SyntheticSettings,
    make_synthetic,
)
from fer_ssl.launch import run
from fer_ssl.utils.tables import markdown_table, write_csv

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/demo/demo_spatial.py'
SCRIPT = str(ROOT / 'tools/train.py')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--rounds', type=int, default=5, help='number of measurements'
    )
    parser.add_argument(
        '--iteration', type=int, default=20, help='iteration to resume from'
    )
    parser.add_argument('--out', help='CSV file to write')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_synthetic(f'{folder}/faces', SyntheticSettings.tiny())
        os.environ['FER_SSL_DEMO'] = f'{folder}/faces'

        def train(name: str, iterations: int, resume: bool) -> list[str]:
            return training_command(
                SCRIPT, str(CONFIG), f'{folder}/{name}', iterations, resume
            )

        # Makes the checkpoint from which the measured training resumes.
        start = train('resumed', args.iteration, False)
        compare_startup({'start': start}, 1)
        commands = {
            **import_commands(('mmengine', 'fer_ssl', 'mmpretrain.models')),
            'train one iteration': train('first', 1, False),
            f'resume at {args.iteration} and train one iteration': train(
                'resumed', args.iteration + 1, True
            ),
        }
        table = startup_rows(compare_startup(commands, args.rounds))
    print(markdown_table(list(table[0]), [x.values() for x in table]))
    if args.out:
        write_csv(args.out, table)


if __name__ == '__main__':
    run(main)
