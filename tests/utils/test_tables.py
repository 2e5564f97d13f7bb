import pytest

from fer_ssl.utils.tables import (
    markdown_table,
    mean_and_std,
    shown_cell,
    write_csv,
)

NAN = float('nan')


def test_markdown():
    assert markdown_table(['method', 'F1', 'UAR'], [('a', 1, '2.0')]) == (
        '| method | F1 | UAR |\n| --- | ---: | ---: |\n| a | 1 | 2.0 |'
    )
    assert markdown_table(['n'], [], text_columns=0) == '| n |\n| ---: |'


@pytest.mark.parametrize(
    'values, text',
    [
        ([1.0, 3.0], '2.00 ± 1.41'),
        ([2.0], '2.00'),
        ([NAN, 1.0, 3.0], '2.00 ± 1.41, 2 of 3 seeds'),
        ([1.5, NAN], '1.50, 1 of 2 seeds'),
        ([NAN], 'missing'),
    ],
)
def test_mean_and_std(values, text):
    assert mean_and_std(values) == text


def test_digits_and_sign():
    assert mean_and_std([1, 2, 3], digits=1, sign='+') == '+2.0 ± 1.0'


def test_csv(tmp_path):
    write_csv(tmp_path / 'x.csv', [dict(a=1, b='x, y'), dict(a=2, b='')])
    text = (tmp_path / 'x.csv').read_text()
    assert text == 'a,b\n1,"x, y"\n2,\n'


def test_a_spreadsheet_runs_no_cell(tmp_path):
    for text in ('=1+1', '+1', '-x', '@x', '\t=1', '\r=1'):
        assert shown_cell(text) == f"'{text}"
    for value in (-1.5, 'a=1', '', None, "'"):
        assert shown_cell(value) is value
    write_csv(tmp_path / 'x.csv', [dict(row='=cmd()', value=-1.5)])
    text = (tmp_path / 'x.csv').read_text('utf-8')
    assert text == "row,value\n'=cmd(),-1.5\n"
