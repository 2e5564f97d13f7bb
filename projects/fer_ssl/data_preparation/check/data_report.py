"""Results of the check of a data root, as one page and as a CSV file."""

from __future__ import annotations

import csv
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...datasets import FolderLayout
from ...datasets.folder_layout import registered_layouts
from ...utils.files import whole_file
from ...utils.tables import shown_cell

_MOST_SHOWN = 5
MOST_LISTED = 10_000  # number of problems of a part that are kept by name


@dataclass
class PartReport:
    """Result of the check of a part of a data set.

    Attributes:
        name: Name of the part, such as ``'train'``.
        error: Error if it cannot be read.
        notes: Messages from reading it, and facts about its videos.
        findings: Problems in the annotation, people in several splits and
            identical images, a sentence each.
        num_faces: Number of faces, labeled or not.
        counts: Number of labeled faces by class.
        to_check: Number of images to check, without those of earlier parts.
        checked: Number of images checked so far.
        num_problems: Number of images with a problem, by type of problem.
        problems: Image -> its problem, for the first thousands.
        copies: Image -> the image that it is identical to, or the two classes
            that it has, for the first thousands.
    """

    name: str
    error: str = ''
    notes: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    num_faces: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    to_check: int = 0
    checked: int = 0
    num_problems: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)

    def add_problem(self, path: str, problem: str) -> None:
        kind = problem.partition(':')[0]
        self.num_problems[kind] = self.num_problems.get(kind, 0) + 1
        if len(self.problems) < MOST_LISTED:
            self.problems[_printable(path)] = _printable(problem)

    def add_copy(self, path: str, about: str) -> None:
        """Add an image that occurs more than once."""
        if len(self.copies) < MOST_LISTED:
            self.copies.setdefault(_printable(path), _printable(about))


def _printable(text: str) -> str:
    """Make a name that is not UTF-8 printable."""
    return text.encode('utf-8', 'backslashreplace').decode()


def shown_names(names: Sequence[str]) -> str:
    """Join the first few names."""
    more = ', ...' if len(names) > _MOST_SHOWN else ''
    return ', '.join(map(_printable, names[:_MOST_SHOWN])) + more


@dataclass
class SetReport:
    """Result for a data set that was found: its parts and missing files."""

    name: str
    folder: str
    missing: list[str]
    parts: list[PartReport] = field(default_factory=list)


def is_broken(reports: Sequence[SetReport]) -> bool:
    """Return whether anything that was found is missing or broken."""
    return any(
        report.missing or any(p.error or p.num_problems for p in report.parts)
        for report in reports
    )


def has_problems(reports: Sequence[SetReport]) -> bool:
    """Return whether anything is missing or broken, or there are findings."""
    return is_broken(reports) or any(
        part.findings for report in reports for part in report.parts
    )


def describe(
    root: str,
    reports: Sequence[SetReport],
    layouts: Sequence[FolderLayout] | None = None,
    unrecognized: Sequence[str] = (),
) -> str:
    """Format the results as one page about a data root.

    Args:
        layouts: Data sets that were looked for. Defaults to those of all
            registered classes.
        unrecognized: Lines about folders with images that are no data set.
    """
    if layouts is None:
        layouts = registered_layouts()
    lines = [f'Data root {osp.abspath(root)}', '']
    for report in reports:
        lines.append(f'{report.name}   {report.folder}')
        lines += [f'  missing: {what}' for what in report.missing]
        for part in report.parts:
            lines += [f'  {line}' for line in _describe_part(part)]
        lines.append('')
    if unrecognized:
        lines += [*unrecognized, '']
    found = {report.name for report in reports}
    absent = [layout for layout in layouts if layout.name not in found]
    if absent:
        lines.append('Not found:')
        lines += [
            f'  {layout.name:<20} (no {" or ".join(layout.markers[:2])})'
            for layout in absent
        ]
        lines.append('')
    total = sum(p.num_faces for r in reports for p in r.parts)
    bad = sum(sum(p.num_problems.values()) for r in reports for p in r.parts)
    findings = sum(len(p.findings) for r in reports for p in r.parts)
    if not reports:
        verdict = 'No data set was recognized.'
    elif is_broken(reports):
        verdict = 'Something is missing or broken, see above.'
        if findings:
            verdict += f' Findings: {findings}.'
    elif findings:
        verdict = f'Nothing is missing or broken. Findings: {findings}.'
    else:
        verdict = 'Nothing is missing or broken.'
    lines.append(
        f'{len(reports)} data sets, {total:,} faces, {bad:,} images with a '
        f'problem. {verdict}'
    )
    return '\n'.join(lines)


def _describe_part(part: PartReport) -> list[str]:
    if part.error:
        return [f'{part.name}: cannot be read: {part.error}']
    lines = [f'{part.name}: {part.num_faces:,} faces']
    labeled = sum(part.counts.values())
    if labeled:
        counts = [f'{name} {count:,}' for name, count in part.counts.items()]
        lines += [f'  {text}' for text in _wrapped(counts)]
        lines[0] += f', {labeled:,} with a label'
    lines += [f'  note: {note}' for note in part.notes]
    lines += [f'  finding: {finding}' for finding in part.findings]
    if part.to_check:
        state = f'  images: {part.checked:,}'
        if part.checked < part.to_check:
            state += f' of {part.to_check:,}'
        bad = sum(part.num_problems.values())
        lines.append(f'{state} checked, {bad:,} with a problem')
    for kind, count in sorted(part.num_problems.items()):
        shown = [
            f'{path} ({problem})' if ':' in problem else path
            for path, problem in part.problems.items()
            if problem.partition(':')[0] == kind
        ][:_MOST_SHOWN]
        lines.append(f'    {kind}: {count:,}')
        lines += [f'      {text}' for text in shown]
        if count > len(shown):
            lines.append(f'      ... and {count - len(shown):,} more')
    return lines


def _wrapped(items: Sequence[str], width: int = 68) -> list[str]:
    """Join items by two spaces, in lines of at most ``width``."""
    lines = ['']
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 2 > width:
            lines.append('')
        lines[-1] += f'  {item}' if lines[-1] else item
    return lines


def write_problems(path: str, reports: Sequence[SetReport]) -> None:
    """Write problems and copies of images as CSV: set,part,image,problem."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('set', 'part', 'image', 'problem'))
        for report in reports:
            for part in report.parts:
                for image, problem in (
                    *part.problems.items(),
                    *part.copies.items(),
                ):
                    row = report.name, part.name, image, problem
                    writer.writerow(map(shown_cell, row))
