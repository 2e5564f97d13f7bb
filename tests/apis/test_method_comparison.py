from pathlib import Path

import pytest

from fer_ssl.apis.method_comparison import Entry, markdown_table
from fer_ssl.visualization import plot_methods

DEMO = Path(__file__).parents[2] / 'configs/demo/demo_methods.py'
ROWS = [
    dict(method=m, seed=s, macro_f1=f, uar=u, accuracy=a, ms_per_step=t)
    for m, s, f, u, a, t in (
        ('dash', 0, 40.0, 50.0, 60.0, 10.2),
        ('dash', 1, 44.0, 50.0, 62.0, 10.8),
        ('uda', 0, 30.0, 35.0, 40.0, 20.0),
    )
]


def test_entry():
    entry = Entry.parse(f'{DEMO}:uda')
    assert (entry.config, entry.method, entry.name) == (
        str(DEMO),
        'uda',
        'uda',
    )
    entry = Entry.parse(str(DEMO))
    assert (entry.method, entry.name) == (None, 'demo_methods')
    with pytest.raises(FileNotFoundError, match='demo_methods'):
        Entry.parse(f'{DEMO.parent}/demo_method.py:uda')


def test_markdown_table():
    assert markdown_table(ROWS).splitlines()[2:] == [
        '| dash | 42.00 ± 2.83 | 50.00 ± 0.00 | 61.00 ± 1.41 | 10 |',
        '| uda | 30.00 | 35.00 | 40.00 | 20 |',
    ]


def test_plot_has_every_seed_and_the_mean():
    figure = plot_methods(ROWS)
    left, right = figure.axes
    names = [x.get_text() for x in left.get_yticklabels()]
    assert names == ['dash', 'uda']
    means = [x.lines[0].get_xdata()[0] for x in left.containers]
    assert means == [42, 30]
    dots = [list(x.get_xdata()) for x in left.lines if x.get_marker() == 'o']
    assert dots == [[40, 44], [30]]
    assert right.get_xlabel() == 'UAR, %'
