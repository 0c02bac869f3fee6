"""Which characters ids and names may have, by fixed lists of code points.

Python's own tables change with its version, and nodes of one data set may run on different ones. A code
point that Unicode has not assigned yet is allowed, so a list needs no change when it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

Range = tuple[int, int]  # the first and the last code point

# Categories Cc, Cf, Cs, Co, Zl, Zp, Zs of Unicode 15.1 (DerivedGeneralCategory.txt), except the space;
# noncharacters; and the rest of the blocks reserved for invisible characters (section 5.21).
NOT_PRINTABLE: Final[tuple[Range, ...]] = (
    *((0x0000, 0x001F), (0x007F, 0x00A0), (0x00AD, 0x00AD), (0x0600, 0x0605), (0x061C, 0x061C)),
    *((0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0x1680, 0x1680)),
    *((0x180E, 0x180E), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000)),
    *((0xD800, 0xF8FF), (0xFDD0, 0xFDEF), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0xFFFE, 0xFFFF)),
    *((0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xDFFFE, 0xE00FF), (0xE01F0, 0xE0FFF), (0xEFFFE, 0x10FFFF)),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xD0000, 0x10000)),
)

# Control characters, line and paragraph separators, Bidi_Control (PropList.txt), surrogates.
NOT_IN_NAMES: Final[tuple[Range, ...]] = (
    *((0x0000, 0x001F), (0x007F, 0x009F), (0x061C, 0x061C), (0x200E, 0x200F), (0x2028, 0x202E)),
    *((0x2066, 0x2069), (0xD800, 0xDFFF)),
)

# White_Space (PropList.txt), Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and the empty cell
# of Braille.
INVISIBLE: Final[tuple[Range, ...]] = (
    *((0x0000, 0x0020), (0x007F, 0x00A0), (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C)),
    *((0x115F, 0x1160), (0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F)),
    *((0x2028, 0x202F), (0x205F, 0x206F), (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)


def class_of(ranges: Iterable[Range], more: str = "") -> str:
    """Return a class for regular expressions of the code points in *ranges* and the characters *more*."""
    return "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + re.escape(more) + "]"
