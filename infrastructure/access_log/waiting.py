"""How much waits in the spools, told by their files: of whatever process, dead or alive."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from infrastructure.access_log.segments import damaged, segments


class Waiting(Struct, frozen=True):
    """bytes: of all segments. oldest_us: when the segment was last appended to for which that is
    longest ago, microseconds since 1970; segments are drained within a second or two. None: there
    is none. damaged: segments that do not open and were set aside."""

    bytes: int
    oldest_us: int | None
    damaged: int


def waiting(directory: Path) -> Waiting:
    """What is in the spools of a directory. Raises OSError."""
    if not directory.is_dir():
        return Waiting(0, None, 0)
    size, times = 0, []
    for _, path in segments(directory):
        try:
            found = path.stat()
        except FileNotFoundError:  # drained just now
            continue
        size += found.st_size
        times.append(found.st_mtime_ns // 1000)
    return Waiting(size, min(times, default=None), len(damaged(directory)))
