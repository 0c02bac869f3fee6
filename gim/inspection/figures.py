"""What this process answers when a node asks for samples: its own, and those of its parent."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gim.inspection.node_talk import NodeTalk
from gim.inspection.sampler import ProcessHistory, ProcessSample, Sampler


class NewestSamples(Struct, frozen=True, tag="newest_samples"):
    """The question for the newest sample of each process: a list of `ProcessSample`."""


class SampleHistory(Struct, frozen=True, tag="sample_history"):
    """The question for all samples of each process: a list of `ProcessHistory`."""


class ParentFigures(Protocol):
    """The samples of the parent of workers. It gives them to one of the workers."""

    async def newest(self) -> list[ProcessSample]:
        """Return the newest one, in a list that is empty if another worker gets it, or the parent does
        not answer."""

    async def history(self) -> list[ProcessHistory]:
        """Return all, in a list that is empty if another worker gets them, or the parent does not
        answer."""


class Figures:
    """The samples of this process, and those of its parent if it has one."""

    def __init__(self, sampler: Sampler, parent: ParentFigures | None) -> None:
        self._sampler = sampler
        self._parent = parent

    def serve(self, talk: NodeTalk) -> None:
        """Answer the questions of all nodes."""
        talk.serve(NewestSamples, lambda _: self.newest())
        talk.serve(SampleHistory, lambda _: self.history())

    async def newest(self) -> list[ProcessSample]:
        """Return the newest sample of each process."""
        of_parent = await self._parent.newest() if self._parent is not None else []
        return [self._sampler.newest(), *of_parent]

    async def history(self) -> list[ProcessHistory]:
        """Return all samples of each process."""
        of_parent = await self._parent.history() if self._parent is not None else []
        return [self._sampler.history(), *of_parent]
