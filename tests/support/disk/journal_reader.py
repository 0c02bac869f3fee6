"""What the records of ``journal_writer`` say."""

from __future__ import annotations

from gim.journal.files import read_file
from gim.journal.records import decode, kind_of, records
from gim.journal.survey import Survey


def numbers_in(survey: Survey) -> list[int]:
    """Return the numbers of the records in the logs, as far as these count, in order."""
    return [
        decode(payload)[1]
        for log in survey.logs
        for offset, payload in records(read_file(log.path))
        if offset < log.end and kind_of(payload) == 1
    ]
