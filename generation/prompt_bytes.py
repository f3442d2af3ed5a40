"""From a file's bytes to its lines of text, or the reason why they are none."""

import codecs
import re
from typing import Final

from generation.prompt_faults import BadLine, PromptFileRefused

MAX_BYTES: Final = 10 * 1024 * 1024
SAVE_AS_UTF8: Final = 'Save it as "CSV UTF-8" or as plain text in UTF-8.'
OTHER_FORMATS: Final = (
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"PK\x03\x04", "an Excel workbook or a zip archive", 'In the spreadsheet, save it as "CSV UTF-8".'),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", 'In the spreadsheet, save it as "CSV UTF-8".'),
    (b"%PDF", "a PDF", "Copy the prompts into a text file."),
    (b"\x89PNG", "an image", "Choose the file with the prompts."),
    (b"\xff\xd8\xff", "an image", "Choose the file with the prompts."),
)
HTML: Final = re.compile(rb"\s*<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE)
# UTF-32 first: its little-endian mark begins with that of UTF-16.
WIDE_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def decoded_lines(content: bytes) -> list[str]:
    """The lines without their ends and without blank lines at the file's end. Raises PromptFileRefused."""
    if len(content) > MAX_BYTES:
        _refuse(f"The file is larger than {MAX_BYTES // 2**20} MB. Split it.")
    _refuse_other_formats(content)
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        _refuse("The file is empty. It needs at least one prompt.")
    _refuse_lone_carriage_returns(content)
    raw_lines = content.replace(b"\r\n", b"\n").rstrip(b"\n \t").split(b"\n")
    faults = [fault for number, raw in enumerate(raw_lines, start=1) if (fault := _byte_fault(number, raw))]
    if faults:
        raise PromptFileRefused(faults)
    return [raw.decode() for raw in raw_lines]


def _refuse_other_formats(content: bytes) -> None:
    for mark, encoding in WIDE_MARKS:
        if content.startswith(mark):
            _refuse(f"The file is in {encoding}. {SAVE_AS_UTF8}")
    for mark, kind, remedy in OTHER_FORMATS:
        if content.startswith(mark):
            _refuse(f"The file is {kind}, whatever its name says. {remedy}")
    if HTML.match(content.removeprefix(codecs.BOM_UTF8)):
        _refuse("The file is a web page, whatever its name says. Copy the prompts into a text file.")
    # Without a mark, Latin letters in UTF-16 are every second byte zero.
    head = content[:1000]
    if len(head) >= 4 and max(head[::2].count(0), head[1::2].count(0)) > len(head) // 4:
        _refuse(f"The file looks like UTF-16. {SAVE_AS_UTF8}")


def _refuse_lone_carriage_returns(content: bytes) -> None:
    without_pairs = content.replace(b"\r\n", b"\n")
    if b"\r" not in without_pairs:
        return
    if b"\n" not in without_pairs:
        _refuse(
            "Lines end in a carriage return alone (old Macintosh). Save it with Unix or Windows line ends."
        )
    raise PromptFileRefused(
        [
            _bad(
                number,
                raw,
                "Holds a carriage return inside the line. Replace it with a space or a line break.",
            )
            for number, raw in enumerate(without_pairs.split(b"\n"), start=1)
            if b"\r" in raw
        ]
    )


def _byte_fault(number: int, raw: bytes) -> BadLine | None:
    if b"\0" in raw:
        return _bad(number, raw, f"Holds a zero byte, which no text has. {SAVE_AS_UTF8}")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return _bad(number, raw, f"Is not UTF-8 (Latin-1 or Windows-1252 perhaps). {SAVE_AS_UTF8}")
    return None


def _bad(number: int, raw: bytes, rule: str) -> BadLine:
    return BadLine(line=number, column="", rule=rule, value=raw.decode("utf-8", errors="replace"))


def _refuse(rule: str) -> None:
    raise PromptFileRefused([BadLine(line=1, column="", rule=rule, value="")])
