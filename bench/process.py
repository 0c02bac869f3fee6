"""Child processes: started with a file for what they say, measured from outside, ended in any case."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import proc

ROOT = Path(os.environ.get("BENCH_ROOT") or Path(__file__).resolve().parent.parent)
BUILD = Path(__file__).resolve().parent / "build"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_given: set[int] = set()  # by free_port: nothing may listen there yet


class BenchError(Exception):
    """The benchmark cannot go on; the text says why."""


def die_with_parent() -> None:
    """End with this process, however it ends: for ``preexec_fn``."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    """Return a port of 127.0.0.1 where nothing listens, another one each time."""
    while (port := _unused_port()) in _given:
        pass
    _given.add(port)
    return port


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A child process. Leaving the ``with`` block ends it; so does any end of this process."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        pipes: bool = False,
        nice: int = 0,
        cwd: Path = ROOT,
    ) -> None:
        """*pipes*: it is talked to over stdin and stdout, line by line; else both go to its log."""
        self.name = name
        self.log = BUILD / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        wrapped = ["nice", "-n", str(nice), *command] if nice else list(command)
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                wrapped,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                preexec_fn=die_with_parent,
                text=True,
                bufsize=1,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it: asked first, killed after 5 s."""
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def ask(self, line: str) -> str:
        """Send a line and return the line that answers it."""
        self.say(line)
        return self.hear()

    def say(self, line: str) -> None:
        """Send a line. That it has ended is for `hear` to tell, as it may have said why."""
        assert self._child.stdin is not None, "started without pipes"
        with suppress(BrokenPipeError):
            self._child.stdin.write(f"{line}\n")
            self._child.stdin.flush()

    def hear(self) -> str:
        """Wait for a line and return it."""
        assert self._child.stdout is not None, "started without pipes"
        line = self._child.stdout.readline()
        if not line:
            raise BenchError(f"{self.name} ended: {self.last_words()}")
        return line

    def wait_for_port(self, port: int, patience: float = 20.0) -> None:
        """Return when it listens."""
        give_up_at = time.monotonic() + patience
        while time.monotonic() < give_up_at:
            if self._child.poll() is not None:
                raise BenchError(f"{self.name} ended: {self.last_words()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise BenchError(f"{self.name} does not listen on its port after {patience:.0f} s")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-500:].strip() or "it said nothing"

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu(self) -> float:
        """Return the CPU time it has used so far, in seconds, user and system, all threads."""
        return proc.cpu(self._child.pid)

    def rss(self) -> int:
        """Return the memory that it has in RAM, in bytes."""
        return proc.rss(self._child.pid)

    def peak_rss(self) -> int:
        """Return the most memory that it has had in RAM, in bytes."""
        return proc.peak_rss(self._child.pid)


class Others:
    """How much of the machine other programs use from now on: with much of it, figures are noise."""

    def __init__(self) -> None:
        self._before = self._look()

    def share(self) -> float:
        """Return it as a share of all cores. Children that have not ended count as others."""
        total, others = (now - then for now, then in zip(self._look(), self._before, strict=True))
        return max(others / total, 0.0) if total else 0.0

    def _look(self) -> tuple[float, float]:
        """Return the seconds of all cores so far, and those that others used."""
        line = Path("/proc/stat").read_text().partition("\n")[0]
        user, nice, system, idle, iowait, irq, softirq, steal, *_ = (
            int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in line.split()[1:]
        )
        used = user + nice + system + irq + softirq + steal
        return used + idle + iowait, used - sum(os.times()[:4])
