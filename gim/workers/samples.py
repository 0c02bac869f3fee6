"""The samples of the parent. One of its workers gives them to the nodes that ask for figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from msgspec.structs import replace

from gim.errors import GimError
from gim.inspection.sampler import ProcessHistory, ProcessSample, Sampler
from gim.link.channel import Channel
from gim.link.messages import Question

PATIENCE: Final = 0.3  # seconds that the parent has to answer

T = TypeVar("T")


class ParentSampleQuestion(Question, tag=142):
    """A worker asks the parent for its newest sample. The answer is a list, empty for all workers but
    one."""


class ParentHistoryQuestion(Question, tag=143):
    """A worker asks the parent for all of its samples. The answer is a list, empty for all workers but
    one."""


class ParentSamples:
    """The parent's side: the worker with the lowest number gets the samples."""

    def __init__(self, sampler: Sampler, channels: Mapping[int, Channel]) -> None:
        """*channels* are those of the workers that run, by number."""
        self._sampler = sampler
        self._channels = channels

    def spawned(self, number: int, channel: Channel) -> None:
        """Answer a worker."""

        async def newest(question: ParentSampleQuestion) -> list[ProcessSample]:
            return [self._sampler.newest()] if self._is_for(number) else []

        async def history(question: ParentHistoryQuestion) -> list[ProcessHistory]:
            return [self._sampler.history()] if self._is_for(number) else []

        channel.serve(ParentSampleQuestion, newest)
        channel.serve(ParentHistoryQuestion, history)

    def _is_for(self, number: int) -> bool:
        return number == min(self._channels, default=0)


class LinkedFigures:
    """The worker's side: implements `gim.inspection.figures.ParentFigures`."""

    def __init__(self, channel: Channel, node: str) -> None:
        """*node* is the name of the worker's node: the parent's samples get it."""
        self._channel = channel
        self._node = node

    async def newest(self) -> list[ProcessSample]:
        found = await self._ask(ParentSampleQuestion(), list[ProcessSample])
        return [self._named(each) for each in found or ()]

    async def history(self) -> list[ProcessHistory]:
        found = await self._ask(ParentHistoryQuestion(), list[ProcessHistory])
        return [replace(each, node=self._node) for each in found or ()]

    def _named(self, each: ProcessSample) -> ProcessSample:
        sample = replace(each.sample, node=self._node) if each.sample is not None else None
        troubles = [replace(trouble, node=self._node) for trouble in each.troubles]
        return replace(each, sample=sample, troubles=troubles)

    async def _ask(self, question: Question, result: type[T]) -> T | None:
        try:
            return await self._channel.ask(question, result, PATIENCE)
        except GimError:  # it is busy, or has ended
            return None
