"""Connections of a user in a table."""

from __future__ import annotations

from gim.cli.output import Column, date, safe

COLUMNS = [
    Column("KEY", lambda row: row["key"]),
    Column("NODE", lambda row: row["node"]),
    Column("ADDRESS", lambda row: safe(row["peer"])),
    Column("SINCE", lambda row: date(row["since"])),
]
