"""Files as they come: what can be read is read as it was meant, the rest is refused with a remedy."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest
from django.core.management import CommandError, call_command

from evaluation.importing.assembling import import_file
from evaluation.importing.mapping import ImportRefused, Mapping
from evaluation.rebuilding import BundleRefused, rebuild
from tests.evaluation.test_importing import faults, read, scores

REPOSITORY = Path(__file__).resolve().parents[2]
NAMED: dict[str, Any] = {"item": "item", "rater": "rater", "score": "score"}
RATED = "item,rater,score\na,ann,5\na,bob,3\n"


def analyse(content: str, folder: Path, *arguments: str, **options: Any) -> Path:
    """The folder of the report that the command made of this file."""
    (folder / "r.csv").write_text(content)
    columns = NAMED | options
    call_command(
        "analyse", str(folder / "r.csv"), *arguments, out=folder / "report",
        stdout=io.StringIO(), stderr=io.StringIO(), **columns,
    )  # fmt: skip
    return folder / "report"


@pytest.mark.parametrize("told", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_a_line_that_names_the_separator_is_no_header(told: str) -> None:
    """Rows are counted from the header, as spreadsheets show them. Control: take that line for the header."""
    imported = read(told + "item;rater;score\na;ann;5\na;bob;good\n")
    assert faults(imported) == [(3, "unknown value", "good")]
    assert scores(imported) == {"a": 5}


def test_separators_inside_a_quoted_name_are_not_counted() -> None:
    """Control: count all characters of the first line: the comma would part this header's columns."""
    text = 'item;rater;"score, from 1, to 5,\nwhole, numbers"\na;ann;5\n'
    assert scores(read(text, score="score, from 1, to 5,\nwhole, numbers")) == {"a": 5}


@pytest.mark.parametrize(
    "text",
    ['[\n{"item": "a", "rater": 7, "score": 5},\n{"item": "b", "rater": 7, "score": 5}\n]',
     '[{"item": "a", "rater": 7, "score": 5}]', "[\n"],
)  # fmt: skip
def test_an_array_of_json_is_refused_and_not_read_in_part(text: str) -> None:
    """Control: read line by line: of the first file only the last object, without a comma, is used."""
    with pytest.raises(ImportRefused, match="is one JSON array"):
        read(text, name="ratings.json")


@pytest.mark.parametrize("empty", ["item", "rater", "score", "groups"])
def test_a_column_without_a_name_is_refused(empty: str) -> None:
    """Control: leave it out of the columns to read: each cell is then taken for its neighbour's."""
    with pytest.raises(ImportRefused, match="named with an empty text"):
        Mapping(**NAMED | {empty: ("",) if empty == "groups" else ""})


def test_times_that_nobody_can_add_up_are_named_and_the_answers_kept() -> None:
    """Control: take every finite number: the sum of two of these is infinite."""
    imported = read("item,rater,score,t\na,ann,5,1e308\na,bob,3,1e308\na,cleo,3,2.5\n", seconds="t")
    assert faults(imported) == [
        (2, "time not read (row kept)", "1e308"),
        (3, "time not read (row kept)", "1e308"),
    ]
    assert scores(imported) == {"a": 3}


def test_items_whose_joined_names_are_alike_stay_apart(tmp_path: Path) -> None:
    """Item "x" of group "y · z", and item "x · y" of group "z".

    Control: join names with their groups as they are: a rebuilt bundle gives one the other's answers.
    """
    rows = ("x,ann,1,y · z", "x,bob,1,y · z", "x,ann,5,b", "x · y,ann,3,z", "x · y,bob,4,z", "x · y,ann,2,b")
    content = "item,rater,score,g\n" + "\n".join(rows) + "\n"
    imported = read(content, groups=("g",))
    assert sorted(scores(imported).values()) == [1, 2, 3.5, 5]
    assert '"x" · "y · z"' in scores(imported)
    assert '"x · y" · "z"' in scores(imported)
    report = analyse(content, tmp_path, group=["g"])
    assert rebuild(report / "bundle.zip").is_whole


def test_groups_that_read_like_no_number_have_one_order(tmp_path: Path) -> None:
    """The order of a set of texts differs from process to process; that of the groups must not.

    Control: sort by float() alone: "nan" comes neither before nor after a number.
    """
    content = "item,rater,score,g\n" + "".join(
        f"{name},ann,3,{group}\n"
        for name, group in zip("abcdefg", ["nan", "10", "2", "NaN", "1", "inf", "b"], strict=True)
    )
    (tmp_path / "r.csv").write_text(content)
    program = (
        "import sys; from pathlib import Path; from evaluation.importing.assembling import import_file;"
        "from evaluation.importing.mapping import Mapping;"
        "print(import_file(lambda: Path(sys.argv[1]).open('rb'), name='r.csv', mapping=Mapping("
        "item='item', rater='rater', score='score', groups=('g',))).study.groupings[0].values)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "r.csv")], cwd=REPOSITORY, check=True,
            capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in "123"
    }  # fmt: skip
    assert found == {"('1', '2', '10', 'NaN', 'b', 'inf', 'nan')"}


def test_a_pipe_is_read_once_and_its_hash_is_that_of_what_was_read() -> None:
    """Control: open it a second time for the hash: a pipe is empty by then."""
    inlet, outlet = os.pipe()
    os.write(outlet, RATED.encode())
    os.close(outlet)

    def opened() -> IO[bytes]:
        return Path(f"/dev/fd/{inlet}").open("rb")

    imported = import_file(opened, name="r.csv", mapping=Mapping(**NAMED))
    os.close(inlet)
    assert imported.study.facts["import"]["sha256"] == hashlib.sha256(RATED.encode()).hexdigest()


def test_more_resamples_than_memory_holds_are_refused(tmp_path: Path) -> None:
    """Control: name no largest number: the allocation ends in a traceback."""
    with pytest.raises(
        CommandError, match="--resamples is a whole number from 1 to 100,000, not 10000000000"
    ):
        analyse(RATED, tmp_path, interval="bootstrap_items", resamples=10**10)


def test_a_filter_without_columns_of_groups_says_that_there_are_none(tmp_path: Path) -> None:
    """Control: offer the one group of all items, which no column of the file names."""
    with pytest.raises(CommandError, match=r"names none of the --group columns\. There are none"):
        analyse(RATED, tmp_path, only=["items=all"])


def test_degenerate_ratings_give_reasons_and_no_number_that_is_none(tmp_path: Path) -> None:
    """One rater, one item, equal scores, nothing but opt-outs: every file is written, and made again.

    Control: write what is undefined with repr() in `csv_stream._float`.
    """
    for number, (rows, more) in enumerate((
        (("a,ann,5",), {}),
        (("a,ann,5", "b,ann,4"), {}),
        (("a,ann,5", "a,bob,4"), {}),
        (("a,ann,3", "a,bob,3", "b,ann,3", "b,bob,3"), {}),
        (("a,ann,x", "a,bob,x", "b,ann,x"), {"values": ["x=word_too_abstract"]}),
        (("a,ann,x", "b,bob,x"), {"values": ["x=image_too_poor"]}),
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        report = analyse("item,rater,score\n" + "\n".join(rows) + "\n", folder, **more)
        assert rebuild(report / "bundle.zip").is_whole
        json.loads((report / "provenance.json").read_text(), parse_constant=pytest.fail)
        for file in report.rglob("*.csv"):
            cells = file.read_text().replace("\r\n", ",").lower().split(",")
            assert not {"nan", "inf", "-inf"} & set(cells), file


def test_of_very_many_groups_the_largest_are_shown_and_the_files_have_all(tmp_path: Path) -> None:
    """350 groups of one item each, and one of two, which is the last by name.

    Control: show the first groups by name, or all of them.
    """
    rows = [f"i{n},ann,{1 + n % 5},g{n:03}" for n in range(350)] + ["x,ann,3,last", "y,ann,4,last"]
    report = analyse("item,rater,score,g\n" + "\n".join(rows) + "\n", tmp_path, group=["g"])
    page = (report / "report.html").read_text()
    assert "The 300 groups of most items are shown; 51 more are in groups.csv." in page
    assert "The 300 groups of most answers are shown; 51 more are in figures/responses_g.csv." in page
    assert len(re.findall(r'<th scope="row">last[< ]', page)) == 2
    assert "Answers by g (the 40 largest of 351 groups)" in page
    assert "Mean opinion score by g (the 40 largest of 351 groups)" in page
    assert len((report / "groups.csv").read_text().splitlines()) == 1 + 351 + 1
    assert len((report / "figures" / "responses_g.csv").read_text().splitlines()) == 1 + 351


def test_figures_of_columns_with_like_names_are_files_of_their_own(tmp_path: Path) -> None:
    """Names without a letter for a file's name, that differ by case, or are what another's number makes.

    Control: number the names that are alike without a look at the others.
    """
    columns = ["x y", "x:y", "x_y1", "方法", "4", "Kind", "kind", "n" * 3000]
    rows = [
        f"i{n},ann,{1 + n % 5}," + ",".join(f"{c[0]}{(n + k) % 2}" for k, c in enumerate(columns))
        for n in range(6)
    ]
    content = ",".join(["item,rater,score", *columns]) + "\n" + "\n".join(rows) + "\n"
    report = analyse(content, tmp_path, group=columns)
    made = sorted(path.name.lower() for path in (report / "figures").glob("mos_*.csv"))
    assert len(set(made)) == len(columns)
    for path in (report / "figures").glob("mos_*.csv"):
        assert len(path.read_text().splitlines()) == 3
    assert rebuild(report / "bundle.zip").is_whole


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_bundle_that_was_packed_anew_and_damaged_is_refused_by_name(tmp_path: Path, method: int) -> None:
    """Control: expect zlib's errors alone: the others end in a traceback, or in "bundle.zip: None."."""
    whole = analyse(RATED, tmp_path) / "bundle.zip"
    anew = tmp_path / "anew.zip"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(anew, "w", method) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
        place = packed.getinfo("report.html").header_offset + 200
    assert rebuild(anew).is_whole
    content = bytearray(anew.read_bytes())
    content[place : place + 60] = bytes(60)
    anew.write_bytes(content)
    with pytest.raises(BundleRefused, match="was changed since it was written"):
        rebuild(anew)


def test_a_bundle_that_asks_for_more_than_memory_holds_is_refused(tmp_path: Path) -> None:
    """Control: leave MemoryError out of `rebuilding.UNREADABLE`."""
    whole = analyse(RATED.replace("a,bob", "b,bob"), tmp_path) / "bundle.zip"
    greedy = tmp_path / "greedy.zip"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(greedy, "w") as packed:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "provenance.json":
                facts = json.loads(content)
                facts["settings"] |= {"n_resamples": 10**16, "interval": "bootstrap_items"}
                content = json.dumps(facts).encode()
            packed.writestr(name, content)
    with pytest.raises(BundleRefused, match=r"was changed since it was written: provenance\.json"):
        rebuild(greedy)
