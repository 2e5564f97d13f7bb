"""Frames that a submission must contain, by an example or a video list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...labels import ABAW_TRACKS
from ...utils.text_rows import read_lines

#: First column of the header of every submission and example.
LOCATION = 'image_location'
#: Header of the official example of each track.
HEADERS = {
    'EXPR': ','.join([LOCATION, *map(str.title, ABAW_TRACKS['EXPR'])]),
    'VA': ','.join([LOCATION, *ABAW_TRACKS['VA']]),
    'AU': ','.join([LOCATION, *ABAW_TRACKS['AU']]),
}
#: The multi-task challenge on s-Aff-Wild2. Its annotation, its list of test
#: frames and its submissions have this header.
MULTI_TASK = 'MTL'
MULTI_TASK_HEADER = 'image,valence,arousal,expression,aus'
#: Order of the tasks in a row with that header.
MULTI_TASK_ORDER = ('VA', 'EXPR', 'AU')
# No video is longer (nine hours at 30 fps); the limit keeps a misread number
# from filling the memory.
_MAX_FRAMES = 999_999
_FRAME_FILE = re.compile(r'(\d{5,6})\.jpg', re.ASCII).fullmatch
_LISTED = re.compile(r'([^\s,/]+)(?:[\s,]+(\d+))?', re.ASCII).fullmatch


@dataclass
class FrameList:
    """List of N frames of V videos, in the order of a submission.

    Attributes:
        path: File that the list was read from.
        videos: Names of the V videos, in order of appearance.
        video: Index of the video of each frame, int64 (N,).
        frame: Number of each frame in its video, from 1, int64 (N,).
        header: Header of the example file; None for a video list.
        has_lengths: False for a list of names only; N is 0 then.
    """

    path: str
    videos: list[str]
    video: np.ndarray
    frame: np.ndarray
    header: str | None = None
    has_lengths: bool = True

    def __len__(self) -> int:
        return len(self.frame)

    def num_frames(self) -> dict[str, int]:
        """Length of each video: its largest frame number."""
        lengths = np.zeros(len(self.videos), dtype=np.int64)
        np.maximum.at(lengths, self.video, self.frame)
        return dict(zip(self.videos, lengths.tolist()))

    def order_by_video(self) -> list[np.ndarray]:
        """Return the places of each video in the list, by frame, each (n,)."""
        order = np.lexsort([self.frame, self.video])
        ends = np.cumsum(np.bincount(self.video))
        return np.split(order, ends[:-1])

    def locations(self) -> list[str]:
        """``<video>/<frame>.jpg`` of all N frames."""
        prefixes = [f'{name}/' for name in self.videos]
        files = frame_files(self.frame.max(initial=0))
        return [
            prefixes[video] + files[frame]
            for video, frame in zip(self.video.tolist(), self.frame.tolist())
        ]

    @classmethod
    def from_lengths(
        cls, lengths: Iterable[tuple[str, int]], path: str
    ) -> FrameList:
        """Build the list from the name and number of frames of each video."""
        videos, counts = zip(*lengths)
        return cls(
            path,
            list(videos),
            np.repeat(np.arange(len(videos)), counts),
            np.concatenate([np.arange(1, count + 1) for count in counts]),
        )


def frame_files(last: int) -> list[str]:
    """Return the file names of frames 0 (which does not exist) to ``last``."""
    return [f'{frame:05d}.jpg' for frame in range(last + 1)]


def track_of(expected: FrameList, track: str | None = None) -> str:
    """Return the track of an example: EXPR, VA, AU or :data:`MULTI_TASK`.

    Args:
        expected: The example, or a list of videos.
        track: Track of a list of videos; an example needs none.

    Raises:
        ValueError: The example is for another track, or for none.
    """
    if expected.header is None:
        if track is None:
            raise ValueError(
                f'{expected.path}: a list of videos does not say which track '
                'it is for. Give --track EXPR, VA or AU.'
            )
        return track
    names = [name.strip().lower() for name in expected.header.split(',')]
    headers = {**HEADERS, MULTI_TASK: MULTI_TASK_HEADER}
    for name, header in headers.items():
        if names == header.lower().split(',') and track in (None, name):
            return name
    raise ValueError(
        f'{expected.path}:1: {expected.header!r:.120} is not the header of '
        f'{"any track" if track is None else f"track {track}"}.'
    )


def read_frame_list(path: str) -> FrameList:
    """Read an official example or list of frames, or a list of videos.

    The example has the header ``image_location,...`` and a row
    ``<video>/00001.jpg,...`` per frame. The list of frames of the multi-task
    challenge begins with the column ``image``; whatever follows the names is
    ignored. The list of videos has a line per video:
    ``<video>``, or with its number of frames ``<video> <frames>`` or
    ``<video>,<frames>``; a first line ``video,frames`` is its header.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The content is invalid; the message names file and line.
    """
    lines = read_lines(path)
    if not lines:
        raise ValueError(f'{path}:1: the file is empty.')
    if lines[0].startswith(LOCATION):
        return parse_frames(path, lines)
    if lines[0].partition(',')[0].strip().lower() == 'image':
        return parse_frames(path, [MULTI_TASK_HEADER, *lines[1:]])
    return _parse_videos(path, lines)


def parse_frames(path: str, lines: list[str]) -> FrameList:
    """Parse a header, and the frame at the start of each line below it.

    Args:
        path: The file, for messages.
        lines: All lines of the file.

    Raises:
        ValueError: A line does not begin with a frame, or one is listed
            twice; the message names file and line.
    """
    index: dict[str, int] = {}
    number: dict[str, int] = {}  # of each file name, as '00001.jpg'
    video, frame = [], []
    for location in (line.partition(',')[0] for line in lines[1:]):
        name, _, file = location.rpartition('/')
        if file not in number:
            match = _FRAME_FILE(file)
            number[file] = int(match[1]) if match else 0
            if file != f'{number[file]:05d}.jpg':
                number[file] = 0
        if not number[file] or not name or '/' in name or name != name.strip():
            raise ValueError(
                f'{path}:{len(frame) + 2}: {location!r:.80} is not a frame '
                'like <video>/00001.jpg.'
            )
        video.append(index.setdefault(name, len(index)))
        frame.append(number[file])
    if not frame:
        raise ValueError(f'{path}:2: no frame is listed.')
    video, frame = np.array(video), np.array(frame)
    key = video * (_MAX_FRAMES + 1) + frame
    order = np.argsort(key, kind='stable')
    twice = order[1:][np.diff(key[order]) == 0]
    if twice.size:
        line = int(twice.min()) + 2
        location = lines[line - 1].partition(',')[0]
        raise ValueError(f'{path}:{line}: {location} is listed twice.')
    return FrameList(path, list(index), video, frame, header=lines[0])


def _parse_videos(path: str, lines: list[str]) -> FrameList:
    first = 0
    if re.fullmatch(r'video[\s,]+(num_)?frames', lines[0].strip().lower()):
        first = 1
    counts: dict[str, int | None] = {}
    for number, line in enumerate(lines[first:], start=first + 1):
        match = _LISTED(line.strip())
        if match is None:
            raise ValueError(
                f'{path}:{number}: {line!r:.80} is neither a video, nor a '
                "video and its number of frames, nor an example's header "
                f'{LOCATION},...'
            )
        name, digits = match.groups()
        if name in counts:
            raise ValueError(f'{path}:{number}: {name} is listed twice.')
        if digits and (len(digits) > 6 or not int(digits)):
            raise ValueError(
                f'{path}:{number}: {digits:.80} is not a number of frames.'
            )
        counts[name] = int(digits) if digits else None
        if (digits is None) != (next(iter(counts.values())) is None):
            raise ValueError(
                f'{path}:{number}: either all videos or none have a number '
                'of frames.'
            )
    if not counts:
        raise ValueError(f'{path}:2: no video is listed.')
    if None not in counts.values():
        return FrameList.from_lengths(counts.items(), path)
    empty = np.zeros(0, dtype=np.int64)
    return FrameList(path, list(counts), empty, empty, has_lengths=False)
