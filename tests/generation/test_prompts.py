"""A prompt file is read whole, or every bad line is named: the bad-input matrix and arbitrary bytes."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from generation.prompts import MAX_PROMPTS, BadLine, PromptFileRefused, PromptRow, read_prompts

XLSX = io.BytesIO()
with zipfile.ZipFile(XLSX, "w") as archive:
    archive.writestr(zipfile.ZipInfo("xl/workbook.xml"), "<workbook/>")


def faults(content: bytes | str, *, name: str = "prompts.csv") -> tuple[BadLine, ...]:
    """Everything that is wrong with a file."""
    with pytest.raises(PromptFileRefused) as refused:
        read_prompts(content.encode() if isinstance(content, str) else content, name=name)
    return refused.value.bad_lines


def texts(content: bytes | str, *, name: str = "prompts.csv") -> list[str]:
    raw = content.encode() if isinstance(content, str) else content
    return [row.text for row in read_prompts(raw, name=name)]


def test_a_csv_gives_its_prompts_with_lines_and_other_columns() -> None:
    assert read_prompts(b'kind,prompt\npair,"a cat, a dog"\nsingle,a bird\n', name="p.csv") == (
        PromptRow(line=2, text="a cat, a dog", extra={"kind": "pair"}),
        PromptRow(line=3, text="a bird", extra={"kind": "single"}),
    )


def test_plain_text_gives_one_prompt_a_line() -> None:
    assert texts("a cat\nan owl, flying\n", name="prompts.txt") == ["a cat", "an owl, flying"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffprompt\na cat\n",
        "prompt\r\na cat\r\n",
        "prompt\na cat",
        "prompt\n  a cat  \n",
        "Prompt\na cat\n",
        '"prompt"\n"a cat"\n',
        "prompt\na cat\n\n\n",
    ],
    ids=["byte order mark", "Windows", "no last line end", "blanks around", "case", "quoted", "blank end"],
)
def test_harmless_variety_is_read(content: str) -> None:
    assert texts(content) == ["a cat"]


def test_signs_that_only_spreadsheets_or_browsers_mind_are_kept_as_they_are() -> None:
    kept = ["=1+1", "@cmd", "<b>a cat</b>", "../../etc/passwd", "a 🦊 — naïve", "👩‍🚀 on the moon"]
    assert texts("prompt\n" + "\n".join(kept)) == kept


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \n\n\t\n", "empty"),
        (b"prompt\n", "no prompts"),
        ("prompt\na cat\n".encode("utf-16"), "UTF-16"),
        ("prompt\na cat\n".encode("utf-16-be"), "UTF-16"),
        ("prompt\na cat\n".encode("utf-16-le"), "UTF-16"),
        ("prompt\na cat\n".encode("utf-32"), "UTF-32"),
        (gzip.compress(b"prompt\na cat\n", mtime=0), "gzip"),
        (XLSX.getvalue(), "Excel"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<!DOCTYPE html><html>prompt</html>", "web page"),
        (b"\n <html><body>", "web page"),
        (b"prompt\ra cat\ra dog\r", "carriage return"),
        (b"prompt;kind\na cat;x\n", "semicolons"),
        (b"prompt\tkind\na cat\tx\n", "tabs"),
        (b"text\na cat\n", 'called "prompt"'),
        (b"prompt,kind,kind\na,b,c\n", "Two columns"),
        (b"prompt,Prompt\na,b\n", "Two columns"),
        (b"prompt,\na cat,x\n", "without a name"),
        (b"prompt," + b",".join(b"c%d" % number for number in range(5000)) + b"\na\n", "5001 columns"),
        (b"prompt\n" + b"x" * (10 * 2**20), "larger than 10 MB"),
    ],
)
def test_a_file_that_is_no_list_of_prompts_is_refused_with_one_reason(content: bytes, word: str) -> None:
    (fault,) = faults(content)
    assert fault.line == 1
    assert word in fault.rule


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("", "blank"),
        ("   ", "blank"),
        ("\u200b\u200d\ufeff", "invisible"),
        ("\u3000", "invisible"),
        ("a cat<|endoftext|> a dog", "<|endoftext|>"),
        ("a <|startoftext|>", "<|endoftext|>"),
        ("x " * 501, "1,001 characters"),
        ("x" * 201, "word of more than 200"),
        ("a\x07cat", "U+0007"),
        ("a\x85cat", "U+0085"),
        ("a\u2028cat", "U+2028"),
        ("a\tcat", "U+0009"),
        ('"a\ncat"', "line break"),
        ('"a" cat', "closing quotation mark"),
        ("a cat, a dog", "2 cells where the header has 1"),
        ("a good prompt", "same prompt as in line 2"),
        (" a good prompt ", "same prompt as in line 2"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_rule(line: str, word: str) -> None:
    (fault,) = faults(f"prompt\na good prompt\n{line}x\na last one\n".replace("x\na last", "\na last", 1))
    assert fault.line == 3
    assert word in fault.rule


@pytest.mark.parametrize("bad", [b"caf\xe9", b"a\x00cat", b"\xed\xa0\x80", b"\xff"])
def test_bytes_that_are_no_text_are_named_with_their_line(bad: bytes) -> None:
    (fault,) = faults(b"prompt\na cat\n" + bad + b"\na dog\n")
    assert fault.line == 3
    assert "UTF-8" in fault.rule


def test_every_undecodable_line_is_named() -> None:
    assert [fault.line for fault in faults(b"prompt\ncaf\xe9\na cat\nna\xefve\n")] == [2, 4]


def test_a_carriage_return_inside_a_line_is_named() -> None:
    (fault,) = faults(b"prompt\na cat\na\rdog\n")
    assert fault.line == 3


def test_all_bad_rows_come_in_one_report_in_the_file_s_order() -> None:
    content = 'prompt,kind\na cat,x\n,y\na dog\na cat,z\n"a bird" flies,x\na<|endoftext|>,x\n'
    assert [(fault.line, fault.column) for fault in faults(content)] == [
        (3, "prompt"), (4, ""), (5, "prompt"), (6, ""), (7, "prompt"),
    ]  # fmt: skip


def test_an_unclosed_quotation_mark_does_not_hide_what_comes_after_it() -> None:
    found = faults('prompt\n"a cat\na dog\n \na dog\n')
    assert [fault.line for fault in found] == [2, 4, 5]
    assert "never closed" in found[0].rule


def test_lines_are_counted_as_an_editor_counts_them_after_a_cell_of_two_lines() -> None:
    (fault,) = faults('prompt,note\na cat,"one\ntwo"\n ,x\n')
    assert fault.line == 4


def test_one_prompt_too_many_is_named_where_it_stands() -> None:
    exactly = "prompt\n" + "\n".join(f"cat {number}" for number in range(MAX_PROMPTS))
    assert len(texts(exactly)) == MAX_PROMPTS
    (fault,) = faults(f"{exactly}\none more\n")
    assert fault.line == MAX_PROMPTS + 2
    assert "More than 20,000" in fault.rule


def test_a_cell_beyond_the_reader_s_limit_is_named() -> None:
    (fault,) = faults("prompt\na cat\n" + "x" * 131_073 + "\n")
    assert fault.line == 3
    assert "131,072" in fault.rule


def test_a_faulty_cell_of_another_column_is_named_with_that_column() -> None:
    (fault,) = faults("prompt,note\na cat,a\x07b\n")
    assert (fault.line, fault.column) == (2, "note")


def test_the_report_shows_the_first_forty_characters_with_the_invisible_ones_written_out() -> None:
    (fault,) = faults("prompt\na cat\n" + "a\u200bb\x07" + "c" * 50 + "\n")
    assert fault.shown_value == "a\\u200bb\\u0007" + "c" * 36 + "…"


@given(st.binary(max_size=400))
@example(b'prompt\n"')
@example(b"prompt\n\xff\xfe")
def test_any_bytes_give_rows_or_a_report(content: bytes) -> None:
    try:
        rows = read_prompts(content, name="prompts.csv")
    except PromptFileRefused as refused:
        bad_lines = refused.bad_lines
        rows = ()
    else:
        bad_lines = ()
    assert bool(rows) != bool(bad_lines)
    assert all(bad.line >= 1 and bad.rule for bad in bad_lines)


visible = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=30
).filter(lambda text: "<|" not in text)


@given(st.lists(visible, min_size=1, max_size=20, unique=True))
def test_what_a_csv_writer_writes_is_read_back(prompts: list[str]) -> None:
    import csv

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerows([["prompt", "n"], *([prompt, str(n)] for n, prompt in enumerate(prompts))])
    assert texts(buffer.getvalue()) == prompts


@given(st.text(max_size=300))
def test_any_text_as_plain_lines_gives_rows_or_a_report(text: str) -> None:
    try:
        rows = read_prompts(text.encode("utf-8", errors="replace"), name="prompts.txt")
    except PromptFileRefused as refused:
        assert refused.bad_lines  # noqa: PT017 (either outcome is right)
    else:
        assert len({row.text for row in rows}) == len(rows)


def test_json_lines_give_prompts_and_keep_the_other_values() -> None:
    content = (
        '{"tag": "two", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}\r\n'
        "\n"
        '{"caption": " a cow ", "id": 7}\n'
    )
    first, second = read_prompts(content.encode(), name="geneval.jsonl")
    assert (first.line, first.text) == (1, "a photo of a bench")
    assert first.extra == {"tag": "two", "include": '[{"class": "bench", "count": 1}]'}
    assert (second.line, second.text, second.extra) == (3, "a cow", {"id": "7"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a red ball", "Not JSON"),
        ("[1]", "Not an object"),
        ('{"name": "x"}', "no text named prompt"),
        ('{"prompt": 3}', "no text named prompt"),
        ('{"prompt": "a", "prompt": "b"}', "comes twice"),
        ('{"prompt": "a", "n": NaN}', "NaN"),
        ("[" * 50_000, "Not JSON"),
        ('{"prompt": " "}', "no prompt here"),
        ('{"prompt": "a", "": "b"}', "without a name"),
        ('{"prompt": "a", "n": 1, "N": 2}', "Two columns"),
    ],
)
def test_a_line_that_is_no_prompt_is_named_and_nothing_is_taken(line: str, said: str) -> None:
    """Control: skip a line that can't be read."""
    content = '{"prompt": "the first"}\n' + line
    with pytest.raises(PromptFileRefused) as refused:
        read_prompts(content.encode(), name="prompts.jsonl")
    assert [bad.line for bad in refused.value.bad_lines] == [2]
    assert said in refused.value.bad_lines[0].rule


@given(st.text(max_size=300))
def test_any_text_as_json_lines_gives_rows_or_a_report(text: str) -> None:
    try:
        rows = read_prompts(text.encode("utf-8", errors="replace"), name="prompts.jsonl")
    except PromptFileRefused as refused:
        assert refused.bad_lines  # noqa: PT017 (either outcome is right)
    else:
        assert rows


def test_geneval_s_own_file_is_read_whole() -> None:
    """553 prompts with what they ask for; skipped without the shared data."""
    shared = Path(os.environ.get("PERCEPT_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    file = shared / "geneval_prompts.jsonl"
    if not file.is_file():
        pytest.skip("the shared data are not here")
    rows = read_prompts(file.read_bytes(), name=file.name)
    assert len(rows) == 553
    assert set(rows[0].extra) == {"tag", "include"}
