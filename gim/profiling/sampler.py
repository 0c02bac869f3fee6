"""Profiles of the CPU: the kernel sends SIGPROF after each 10 ms of CPU time, and the stack is recorded.

A sample costs some 15 us; a process that waits takes none.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType

from gim.concurrency.clocks import WallClock
from gim.profiling.profile import Kind, Place, Profile, Stack

SAMPLING_PERIOD = 0.01  # seconds of CPU time; the kernel's limit is 250 signals per second
MAX_DEPTH = 256  # calls of a stack that are recorded, the innermost ones
KINDS = (Kind("samples", "count"), Kind("cpu", "nanoseconds"))

_Calls = tuple[int, ...]  # id of the code, index of the instruction, …, innermost first


class Sampler:
    """Samples from `start` to `stop`, in the main thread, where Python runs signal handlers.

    Python runs a handler once the C function under way has returned, and only once for all signals that
    came meanwhile. So the weight of a sample is the CPU time since the previous one, not one period: the
    time of a C function counts for the line that called it. The time of other threads counts for
    what the main thread does then; gim uses threads only to resolve host names.
    """

    def __init__(self, wall: WallClock, cpu_time: Callable[[], int] = time.process_time_ns) -> None:
        """*cpu_time* returns the nanoseconds of CPU time that the process has used."""
        self._wall = wall
        self._cpu_time = cpu_time
        self._counts: Counter[_Calls] = Counter()
        self._times: Counter[_Calls] = Counter()
        self._codes: dict[int, CodeType] = {}  # by id: this keeps them alive, so ids are unique
        self._began = self._began_at = self._last = 0

    def start(self) -> None:
        """Start with an empty profile. Raises `ValueError` outside of the main thread."""
        self._counts.clear()
        self._times.clear()
        self._codes.clear()
        self._began, self._began_at, self._last = (
            self._wall.now_ms() * 1_000_000,
            time.monotonic_ns(),
            self._cpu_time(),
        )
        signal.signal(signal.SIGPROF, self._sample)
        # Python repeats a system call that was interrupted; this does so for C libraries.
        # Each signal also wakes the reactor by its wakeup fd, for an empty turn.
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, SAMPLING_PERIOD, SAMPLING_PERIOD)

    def stop(self) -> Profile:
        """Stop; return the profile."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        # a signal may still be pending, and by default it would end the process
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        duration_ns = time.monotonic_ns() - self._began_at
        return Profile(KINDS, self._samples(), self._began, duration_ns, int(SAMPLING_PERIOD * 1e9))

    def _samples(self) -> dict[Stack, tuple[int, ...]]:
        place = lru_cache(None)(lambda code_id, index: _place(self._codes[code_id], index))
        samples: dict[Stack, tuple[int, ...]] = {}
        for calls, count in self._counts.items():
            stack = tuple(map(place, calls[::2], calls[1::2]))
            before = samples.get(stack, (0, 0))  # other instructions of the same lines
            samples[stack] = before[0] + count, before[1] + self._times[calls]
        return samples

    def _sample(self, number: int, frame: FrameType | None) -> None:
        try:
            now = self._cpu_time()
            calls = self._calls(frame)
            self._counts[calls] += 1
            self._times[calls] += now - self._last
            self._last = now
        except Exception:  # it would be raised in the line that was interrupted
            pass

    def _calls(self, frame: FrameType | None) -> _Calls:
        # no line numbers and no hashes of code objects here: either takes ten times as long
        calls: list[int] = []
        while frame is not None and len(calls) < 2 * MAX_DEPTH:
            code = frame.f_code
            self._codes[id(code)] = code
            calls += (id(code), frame.f_lasti)
            frame = frame.f_back
        return tuple(calls)


def _place(code: CodeType, index: int) -> Place:
    """Return the place of the instruction at *index* in the bytecode."""
    path = code.co_filename.removesuffix(".py").removesuffix("/__init__")
    module = path.rpartition("/")[2].strip("<>")  # of <frozen abc>, which pprof does not show
    lines = (line for start, end, line in code.co_lines() if start <= index < end)
    return Place(f"{module}.{code.co_qualname}", code.co_filename, next(lines, None) or 0)
