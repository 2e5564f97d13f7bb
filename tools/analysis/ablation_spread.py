"""Mean and spread of ablation tables of several seeds.

python tools/analysis/ablation_spread.py work_dirs/quickstart*/ablation.csv
"""

import argparse

from fer_ssl.evaluation.ablation import read_ablation, spread_markdown


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('files', nargs='+', help='ablation.csv of each seed')
    files = parser.parse_args().files
    print(spread_markdown([read_ablation(path) for path in files]))


if __name__ == '__main__':
    main()
