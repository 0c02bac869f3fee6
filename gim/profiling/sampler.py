"""The CPU, sampled: the kernel sends SIGPROF after each 10 ms of CPU time, and the stack is noted.

This costs some 15 us for each sample, and nothing at all while the process waits.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FrameType

from gim.profiling.profile import Kind, Place, Profile, Stack

PERIOD = 0.01  # seconds of CPU time between two samples; more often than 250/s the kernel can't
DEEPEST = 256  # calls of a stack that are noted, the innermost ones
KINDS = (Kind("samples", "count"), Kind("cpu", "nanoseconds"))

_Calls = tuple[int, ...]  # id of the code, index of the instruction, …, innermost first


class Sampler:
    """Samples from `start` to `stop`, in the main thread, where Python runs handlers of signals.

    Python runs a handler once the C function under way has returned, and only once for all signals that
    came meanwhile. So a sample does not count for one period, but for the CPU time since the last one:
    a C function's time is on the line that called it. Other threads' time counts as well, on whatever
    the main thread does then; gim uses threads for looking up names only.
    """

    def __init__(self, cpu_time: Callable[[], int] = time.process_time_ns) -> None:
        """*cpu_time* tells the nanoseconds of CPU that the process has used."""
        self._cpu_time = cpu_time
        self._counts: Counter[_Calls] = Counter()
        self._times: Counter[_Calls] = Counter()
        self._codes: dict[int, CodeType] = {}  # by id: what is here is alive, so ids are unique
        self._began = self._began_at = self._last = 0

    def start(self) -> None:
        """Begin anew. Raises `ValueError` in any other thread than the main one."""
        self._counts.clear()
        self._times.clear()
        self._codes.clear()
        self._began, self._began_at, self._last = (
            time.time_ns(),
            time.monotonic_ns(),
            self._cpu_time(),
        )
        signal.signal(signal.SIGPROF, self._sample)
        # Python goes on with a system call that was interrupted; this lets C libraries do so too.
        # Each signal also wakes the reactor, by its wakeup fd: a turn in which nothing is to be done.
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, PERIOD, PERIOD)

    def stop(self) -> Profile:
        """End, and return what was found."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        # a signal may still be on its way, and by default it would end the process
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
        duration = time.monotonic_ns() - self._began_at
        return Profile(KINDS, self._samples(), self._began, duration, int(PERIOD * 1e9))

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
        except Exception:  # it would come out of whatever line was interrupted
            pass

    def _calls(self, frame: FrameType | None) -> _Calls:
        # lines are looked up in the end and code is not hashed: either takes ten times as long as this
        calls: list[int] = []
        while frame is not None and len(calls) < 2 * DEEPEST:
            code = frame.f_code
            self._codes[id(code)] = code
            calls += (id(code), frame.f_lasti)
            frame = frame.f_back
        return tuple(calls)


def _place(code: CodeType, index: int) -> Place:
    """Return the place of an instruction, *index* being where it is in the bytecode."""
    path = code.co_filename.removesuffix(".py").removesuffix("/__init__")
    module = path.rpartition("/")[2].strip("<>")  # as in <frozen abc>, which pprof would not show
    lines = (line for start, end, line in code.co_lines() if start <= index < end)
    return Place(f"{module}.{code.co_qualname}", code.co_filename, next(lines, None) or 0)
