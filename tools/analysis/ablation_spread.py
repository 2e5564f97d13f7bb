"""Mean and spread of ablation tables of several seeds.

python tools/analysis/ablation_spread.py work_dirs/quickstart*/ablation.csv
python tools/analysis/ablation_spread.py work_dirs/demo_paper_b*/ablation.csv
"""

import argparse

from fer_ssl.experiments.prediction_tables import (
    read_ablation,
    spread_markdown,
)
from fer_ssl.experiments.task_ablation import (
    read_task_scores,
    task_spread_markdown,
)
from fer_ssl.launch import run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('files', nargs='+', help='ablation.csv of each seed')
    files = parser.parse_args().files
    with open(files[0], encoding='utf-8') as file:
        of_tasks = 'macro_f1' not in file.readline()
    if of_tasks:
        print(task_spread_markdown([read_task_scores(f) for f in files]))
    else:
        print(spread_markdown([read_ablation(f) for f in files]))


if __name__ == '__main__':
    run(main)
