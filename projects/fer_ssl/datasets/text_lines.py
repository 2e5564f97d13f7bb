from __future__ import annotations


def read_lines(path: str, encoding: str = 'utf-8-sig') -> list[str]:
    r"""Lines of a text file, without the empty ones at its end.

    Only ``\n`` and ``\r\n`` end a line. ``str.splitlines`` knows ten more
    characters that do, and so can shift lines against frames.

    Args:
        path: The file.
        encoding: ``'utf-8'`` keeps the byte order mark that some editors put
            at the beginning.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not UTF-8 text; the message names file and line.
    """
    with open(path, 'rb') as file:
        data = file.read()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{path}:{line}: not UTF-8 text.') from None
    lines = text.replace('\r\n', '\n').split('\n')
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
