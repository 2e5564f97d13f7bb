"""Reading of annotation files line by line, with errors that name the line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .placeholders import check_placeholder

#: Columns of the box of a face, in pixels; right and bottom are exclusive.
BOX_COLUMNS = ('left', 'top', 'right', 'bottom')
_WHOLE_NUMBER = re.compile(r'\s*([+-]?[0-9]{1,9})(?:\.0+)?\s*', re.ASCII)


class EmptyBoxError(ValueError):
    """Error for the box of a face that contains no pixel."""


def decoded_lines(path: str) -> Iterator[str]:
    """Yield the lines of a UTF-8 file, with or without a byte order mark.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not text; the message names file and line.
    """
    try:
        file = open(path, 'rb')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path}: no such annotation file. Set `data_root` to the folder '
            'that holds it.'
        ) from None
    with file:
        check_placeholder(path, file.peek())
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode('utf-8-sig' if number == 1 else 'utf-8')
            except UnicodeDecodeError as error:
                raise ValueError(
                    f'{path}:{number}: not UTF-8 text ({error.reason} in '
                    f'column {error.start + 1}).'
                ) from None
            if '\0' in text:
                raise ValueError(
                    f'{path}:{number}: not text: it contains a zero byte.'
                )
            yield text


def read_lines(path: str, encoding: str = 'utf-8-sig') -> list[str]:
    r"""Return the lines of a text file, without the empty ones at its end.

    Only ``\n`` and ``\r\n`` end a line. ``str.splitlines`` also splits at ten
    other characters, which can shift lines against frames.

    Args:
        path: The file.
        encoding: Encoding of the file. ``'utf-8'`` keeps the byte order mark
            that some editors write at the beginning.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not UTF-8 text; the message names file and line.
    """
    with open(path, 'rb') as file:
        data = file.read()
    check_placeholder(path, data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{path}:{line}: not UTF-8 text.') from None
    lines = text.replace('\r\n', '\n').split('\n')
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def csv_rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of every row of a CSV file.

    Blank lines are skipped. The number of a row that spans several lines is
    that of its last line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not CSV; the message names file and line.
    """
    reader = csv.reader(decoded_lines(path), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f'{path}:{reader.line_num}: {error}.') from None
        if row:
            yield reader.line_num, row


def read_header(
    path: str,
    rows: Iterator[tuple[int, list[str]]],
    needed: Iterable[str] = (),
) -> list[str]:
    """Read the names of the columns, the first row of :func:`csv_rows`.

    Args:
        path: The file, for messages.
        rows: All rows of the file; the first one is consumed.
        needed: Required columns.

    Raises:
        ValueError: A required column is missing, or any column is given twice.
    """
    line, header = next(rows, (1, []))
    missing = ', '.join(sorted(set(needed).difference(header)))
    if missing:
        raise ValueError(
            f'{path}:{line}: column {missing} is missing; the header is '
            f'{header}.'
        )
    check_columns(path, line, header)
    return header


def check_columns(path: str, line: int, header: Sequence[str]) -> None:
    """Check that no column is given twice.

    Several columns may have no name: spreadsheets leave them at the end.

    Raises:
        ValueError: A column is; the message names file, line and column.
    """
    counts = Counter(name for name in header if name)
    twice = ', '.join(sorted(x for x, count in counts.items() if count > 1))
    if twice:
        raise ValueError(
            f'{path}:{line}: column {twice} is given twice, and nothing says '
            'which one counts. Rename or delete one of them.'
        )


def csv_dicts(
    path: str, needed: Iterable[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells by column of every CSV row.

    Args:
        path: The file.
        needed: Required columns.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not CSV, a column is missing or given twice,
            or the length of a row differs from that of the header; the
            message names file and line.
    """
    rows = csv_rows(path)
    header = read_header(path, rows, needed)
    for line, fields in rows:
        if len(fields) != len(header):
            raise ValueError(
                f'{path}:{line}: {len(fields)} fields, but the header has '
                f'{len(header)}.'
            )
        yield line, dict(zip(header, fields))


def spaced_rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of every line, split at white space.

    Blank lines are skipped.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is not text; the message names file and line.
    """
    for number, line in enumerate(decoded_lines(path), start=1):
        fields = line.split()
        if fields:
            yield number, fields


def whole_numbers(where: str, texts: Iterable[str]) -> list[int]:
    """Parse whole numbers of up to nine digits.

    This is stricter than ``int``, which also accepts ``1_0`` and the digits of
    any script. ``5.0`` is accepted, as pandas writes a column of whole numbers
    in which one is missing.

    Args:
        where: File and line, for the message.
        texts: One number each; white space around it is ignored.

    Raises:
        ValueError: A text is not such a number.
    """
    numbers = []
    for text in texts:
        match = _WHOLE_NUMBER.fullmatch(text)
        if not match:
            raise ValueError(f'{where}: {text[:40]!r} is not a whole number.')
        numbers.append(int(match[1]))
    return numbers


def check_box(where: str, box: tuple[int, int, int, int]) -> None:
    """Check that a box contains a pixel.

    Args:
        where: File and line, for the message.
        box: Left, top, right, bottom, the last two exclusive.

    Raises:
        EmptyBoxError: The box is empty.
    """
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        raise EmptyBoxError(
            f'{where}: the box (left, top, right, bottom) = {box} is empty.'
        )


def check_code(
    where: str, code: int, names: Sequence[str], first: int = 0
) -> None:
    """Check that a class number exists in the data set.

    Args:
        where: File and line, for the message.
        code: The number.
        names: Class names of the data set, numbered from ``first``.
        first: Number of the first class.

    Raises:
        ValueError: There is no such class.
    """
    if not first <= code < first + len(names):
        raise ValueError(
            f'{where}: unknown expression {code}; {first} to '
            f'{first + len(names) - 1} are {", ".join(names)}.'
        )
