"""python manage.py analyse and rebuild: ratings collected elsewhere, from a file to a report and back."""

import csv
import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.importing.assembling import Imported, import_file
from evaluation.importing.mapping import Duplicates, Empty, ImportRefused, Mapping, values_of
from evaluation.reports import Report, build

SHARED = Path(os.environ.get("PERCEPT_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
GENEVAL = SHARED / "geneval_annotations_sdv2.csv"
# Two methods show the same three prompts; the median of each is plain to see.
PAIRED = """prompt,method,who,score
p1,ours,ann,5
p1,ours,bob,4
p1,theirs,ann,3
p1,theirs,bob,2
p2,ours,ann,4
p2,ours,bob,4
p2,theirs,ann,3
p2,theirs,bob,3
p3,ours,ann,5
p3,ours,bob,5
p3,theirs,ann,1
p3,theirs,bob,2
"""


def read(text: str, *, name: str = "ratings.csv", **choices: Any) -> Imported:
    mapping = Mapping(**({"item": "item", "rater": "rater", "score": "score"} | choices))
    return import_file(lambda: io.BytesIO(text.encode()), name=name, mapping=mapping)


def faults(imported: Imported) -> list[tuple[int, str, str]]:
    return [(fault.row, fault.kind.value, fault.value) for fault in imported.faults.in_order()]


def scores(imported: Imported) -> dict[str, float]:
    items = build(imported.study).opinion.items
    return dict(zip(items.item_ids, items.median.tolist(), strict=True))


def test_every_row_is_used_or_named_with_its_row_number() -> None:
    """Control: skip rows of another length in `reading._csv_rows`: row 4 vanishes in silence."""
    imported = read(
        "item,rater,score\n"
        "a,ann,5\n"  # row 2
        "a,bob,4,extra\n"
        "a,,3\n"
        ",cleo,3\n"
        "a,dora,\n"
        "a,emil,good\n"
        "a,finn,9\n"
        "\n"
        "a,gus,2\n"  # row 10
    )
    assert faults(imported) == [
        (3, "wrong number of cells", "4 cells, the header has 3"),
        (4, "no rater id", ""),
        (5, "no item", ""),
        (6, "no score", ""),
        (7, "unknown value", "good"),
        (8, "off the scale", "9"),
    ]
    facts = imported.study.facts["import"]
    assert (facts["rows"], facts["rows_used"]) == (8, 2)
    assert facts["rows"] == facts["rows_used"] + imported.faults.rows_left_out
    assert scores(imported) == {"a": 3.5}


def test_words_become_scores_only_where_they_are_told_to() -> None:
    text = "item,rater,score\na,ann,yes\na,bob,no\na,cleo,Yes\na,dora,skip\n"
    imported = read(text, scale=(0, 1), values=values_of(["yes=1", "no=0", "skip=image_too_poor"]))
    assert faults(imported) == [(4, "unknown value", "Yes")]
    assert imported.study.table.score[:2].tolist() == [1, 0]
    assert imported.study.table.opt_out.tolist() == [0, 0, 2]


def test_contradicting_answers_are_left_out_unless_the_mapping_says_which_counts() -> None:
    """Control: let `gathering._chosen` return the first where answers differ."""
    text = "item,rater,score\na,ann,5\na,ann,1\na,bob,3\na,bob,3\n"
    imported = read(text)
    assert faults(imported) == [
        (2, "contradicting answers", "5"),
        (3, "contradicting answers", "1"),
        (5, "repeated answer", "3"),
    ]
    assert scores(imported) == {"a": 3}
    assert scores(read(text, duplicates=Duplicates.FIRST)) == {"a": 4}
    assert scores(read(text, duplicates=Duplicates.LAST)) == {"a": 2}


def test_an_empty_score_can_mean_that_nobody_was_asked() -> None:
    imported = read("item,rater,score\na,ann,5\na,bob,\n", empty=Empty.NOT_ASKED)
    assert faults(imported) == []
    assert imported.study.facts["import"]["rows_not_asked"] == 1


def test_json_lines_are_read_like_csv() -> None:
    imported = read(
        '{"item": "a", "rater": 7, "score": 5}\n[1]\n{"item": "a", "rater": 8, "score": null}\n',
        name="ratings.jsonl",
    )
    assert faults(imported) == [(2, "not a JSON object", "[1]"), (3, "no score", "")]
    assert scores(imported) == {"a": 5}


@pytest.mark.parametrize(
    "line",
    ['{"item": "\\ud800", "rater": 7, "score": 3}', '{"item": "b", "rater": 7, "score": 3, "score": 4}'],
    ids=["half a character", "a name twice"],
)
def test_a_line_that_json_only_guesses_at_is_a_fault(line: str) -> None:
    """Control: plain json.loads takes the last of two; half a character stops the writing of every file."""
    imported = read(f'{{"item": "a", "rater": 7, "score": 5}}\n{line}\n', name="ratings.jsonl")
    assert faults(imported) == [(2, "not a JSON object", line)]
    assert scores(imported) == {"a": 5}


@pytest.mark.parametrize(("separator", "start"), [(";", ""), ("\t", ""), (",", "\ufeff")])
def test_separators_and_a_byte_order_mark_are_recognised(separator: str, start: str) -> None:
    rows = ("item", "rater", "score"), ("a", "ann", "4"), ('"b"', "ann", "2")
    assert scores(read(start + "\n".join(separator.join(row) for row in rows))) == {"a": 4, "b": 2}


def test_a_misspelt_column_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ImportRefused, match=r"no column 'rater'\. Did you mean 'raters'"):
        read("item,raters,score\na,ann,5\n")


def test_a_file_without_a_usable_row_says_what_stands_in_it() -> None:
    with pytest.raises(ImportRefused, match=r"Most frequent: 'yes' \(2\), 'no' \(1\)"):
        read("item,rater,score\na,ann,yes\nb,ann,yes\nc,ann,no\n")


def test_a_quotation_mark_that_is_never_closed_is_refused_and_changes_nothing_for_other_readers() -> None:
    """Control: raise csv's limit of a cell, which is one for the whole process."""
    before = csv.field_size_limit()
    with pytest.raises(ImportRefused, match="never closed"):
        read('item,rater,score\na,x,"3\n' + "b,y,4\n" * 30_000)
    assert csv.field_size_limit() == before


def test_a_file_in_another_encoding_is_refused_with_the_byte() -> None:
    mapping = Mapping(item="item", rater="rater", score="score")
    with pytest.raises(ImportRefused, match="not UTF-8: byte 0xe4"):
        import_file(
            lambda: io.BytesIO("item,rater,score\nä,b,1".encode("latin-1")), name="r.csv", mapping=mapping
        )


def test_raters_get_pseudonyms_and_cells_no_spreadsheet_runs() -> None:
    """Control: write `guard` out of `assembling._items`."""
    imported = read("item,rater,score\n=1+1,A1B2C3WORKER,5\n=1+1,+4912345,4\n")
    ratings = b"".join(imported.ratings.pieces()).decode()
    assert "WORKER" not in ratings
    assert "49123" not in ratings
    assert "'=1+1,rater-0001," in ratings


def test_methods_that_show_the_same_things_are_compared_pair_by_pair() -> None:
    """Pairs: 4.5 - 2.5, 4 - 3, 5 - 1.5; mean 6.5/3. Control: let `same_thing` be a number per item."""
    imported = read(PAIRED, item="prompt", rater="who", groups=("method",))
    assert scores(imported) == {
        "p1 · ours": 4.5, "p1 · theirs": 2.5, "p2 · ours": 4, "p2 · theirs": 3,
        "p3 · ours": 5, "p3 · theirs": 1.5,
    }  # fmt: skip
    (compared,) = build(imported.study).sections[0].comparisons
    assert (compared.n_shared, compared.test.method) == (3, "paired_t")
    assert compared.test.effect.estimate == pytest.approx(6.5 / 3)
    assert any("more than one group of 'method'" in note for note in imported.notes)


def test_without_rater_ids_no_interval_speaks_for_raters() -> None:
    """Control: let `reports._headline` return the interval that was asked for."""
    text = "item,score\n" + "".join(f"i{n},{1 + n % 5}\ni{n},{1 + (n + 1) % 5}\n" for n in range(20))
    report = build(read(text, rater=None).study)
    assert report.headline_interval == "t_items"
    assert report.overall.mos.method == "t_items"


def analyse(path: Path, out: Path, *more: str) -> Path:
    call_command(
        "analyse", str(path), "--item", "prompt", "--rater", "who", "--score", "score", "--group", "method",
        *more, "--out", str(out), stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    return out / "bundle.zip"


@pytest.fixture
def paired(tmp_path: Path) -> Path:
    path = tmp_path / "paired.csv"
    path.write_text(PAIRED + "p9,ours,ann,bad\n")
    return path


def test_a_bundle_is_rebuilt_byte_for_byte(paired: Path, tmp_path: Path) -> None:
    """Control: the next test."""
    bundle = analyse(paired, tmp_path / "report", "--item-score", "mean")
    said = io.StringIO()
    call_command("rebuild", str(bundle), "--out", str(tmp_path / "again"), stdout=said)
    made = {
        path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()
    }
    written = {
        path.relative_to(tmp_path / "report") for path in (tmp_path / "report").rglob("*") if path.is_file()
    }
    assert made == written - {Path("bundle.zip")}
    assert len(made) > 20
    for name in made:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "report" / name).read_bytes()
    assert "are the same byte for byte" in said.getvalue()


@pytest.mark.parametrize(
    ("name", "old", "new", "seen"),
    [
        ("ratings.csv", "p1 · ours,rater-0001,5,5.0", "p1 · ours,rater-0001,5,1.0", "groups.csv differs"),
        ("groups.csv", "(all)", "(alle)", "groups.csv differs"),
        ("items.csv", "kept", "keptt", "items.csv differs"),
        ("report.html", "Holm", "Holmes", "report.html differs"),
    ],
)
def test_a_changed_bundle_is_found_out(
    paired: Path, tmp_path: Path, name: str, old: str, new: str, seen: str
) -> None:
    """Control: compare only the names of the files in `rebuilding._matches`."""
    bundle = analyse(paired, tmp_path / "report")
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(changed, "w") as other:
        for entry in archive.namelist():
            content = archive.read(entry).decode() if entry == name else archive.read(entry)
            if isinstance(content, str):
                assert old in content
                content = content.replace(old, new)
            other.writestr(entry, content)
    said = io.StringIO()
    with pytest.raises(CommandError, match="not reproduced"):
        call_command("rebuild", str(changed), stdout=said)
    assert seen in said.getvalue()


def test_the_report_keeps_groups_names_and_says_what_counts_several_times(tmp_path: Path) -> None:
    """Controls: capfirst on labels of groups; leave the notes out of the report's subject."""
    path = tmp_path / "two.csv"
    rows = [f"{item},{rater},{score},{way}" for item, score in (("p", 3), ("q", 4)) for rater in "xy"
            for way in ("a", "A")]  # fmt: skip
    path.write_text("\n".join(["prompt,who,score,method", *rows]))
    analyse(path, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "those intervals are too narrow" in page
    named = re.findall(r'<th scope="row">([aA])<', page)
    assert named.count("a") == named.count("A") > 1


def test_a_bundle_without_its_ratings_is_refused(paired: Path, tmp_path: Path) -> None:
    """Control: take the header with next() alone."""
    bundle = analyse(paired, tmp_path / "report")
    emptied = tmp_path / "emptied.zip"
    with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(emptied, "w") as other:
        for entry in archive.namelist():
            other.writestr(entry, b"" if entry == "ratings.csv" else archive.read(entry))
    with pytest.raises(CommandError):
        call_command("rebuild", str(emptied))


def test_the_same_file_gives_the_same_bundle(paired: Path, tmp_path: Path) -> None:
    """Control: leave the date out of `bundles._entry`."""
    first, second = analyse(paired, tmp_path / "one"), analyse(paired, tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.zip"
    path.write_text("not a zip")
    with pytest.raises(CommandError, match="no zip file"):
        call_command("rebuild", str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("provenance.json", "{}")
    with pytest.raises(CommandError, match="no bundle of Percept"):
        call_command("rebuild", str(path))


def test_strict_ends_with_an_error_and_the_faults_are_in_a_file(paired: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="faults"):
        analyse(paired, tmp_path / "report", "--strict")
    found = list(csv.DictReader((tmp_path / "report" / "faults.csv").open(newline="")))
    assert [(row["row"], row["fault"], row["value"]) for row in found] == [("14", "unknown value", "bad")]


@pytest.mark.skipif(not GENEVAL.exists(), reason="the shared data are not here")
def test_real_crowd_ratings_are_digested_as_they_are(tmp_path: Path) -> None:
    """2 000 answers to 400 images from a crowd platform's own result file, which names no rater."""
    mapping = Mapping(
        item="Input.index", rater=None, score="Answer.task-quality", scale=(1, 4),
        groups=("Input.exclude",), seconds="Answer.ee",
    )  # fmt: skip
    imported = import_file(lambda: GENEVAL.open("rb"), name=GENEVAL.name, mapping=mapping)
    report: Report = build(imported.study)
    assert imported.faults.counts == {}
    assert (report.study.table.n_items, report.n_answers, report.item_counts.kept) == (400, 2000, 400)
    with GENEVAL.open(newline="") as file:
        by_item: dict[str, list[int]] = {}
        for row in csv.DictReader(file):
            by_item.setdefault(row["Input.index"], []).append(int(row["Answer.task-quality"]))
    medians = [sorted(answers)[2] for answers in by_item.values()]
    assert report.overall.mos.estimate == pytest.approx(sum(medians) / len(medians), abs=1e-12)


@pytest.mark.skipif(not GENEVAL.exists(), reason="the shared data are not here")
def test_real_answers_that_are_no_numbers_become_shares() -> None:
    """Left or right against neither: 321 of the 655 who were asked."""
    mapping = Mapping(
        item="Input.index", rater=None, score="Answer.task-position-x", scale=(0, 1), empty=Empty.NOT_ASKED,
        values=values_of(["left=1", "right=1", "neither_x=0"]),
    )  # fmt: skip
    imported = import_file(lambda: GENEVAL.open("rb"), name=GENEVAL.name, mapping=mapping)
    report = build(imported.study)
    assert (report.n_answers, imported.study.facts["import"]["rows_not_asked"]) == (655, 1345)
    assert report.overall.fair_share.estimate == pytest.approx(321 / 655)


def test_provenance_names_the_file_the_columns_and_the_faults(paired: Path, tmp_path: Path) -> None:
    analyse(paired, tmp_path / "report")
    facts = json.loads((tmp_path / "report" / "provenance.json").read_text())
    assert facts["import"]["columns"]["groups"] == ["method"]
    assert facts["import"]["faults"] == {"unknown value": 1}
    assert facts["origin"] == "import"
