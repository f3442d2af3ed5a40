"""python manage.py analyse and rebuild: ratings collected elsewhere, from a file to a report and back."""

import csv
import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from evaluation.importing.assembling import import_file
from evaluation.importing.mapping import Empty, Mapping, values_of
from evaluation.reports import Report, build
from tests.evaluation.test_importing import read, scores

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


@pytest.mark.parametrize("rater", ["who", None], ids=["raters known", "raters unknown"])
def test_an_item_under_four_methods_is_one_item_to_the_interval(rater: str | None) -> None:
    """Four methods with equal scores tell nothing that one of them does not: the bounds must be the same.

    Control: leave same_thing out of `opinion_report` in `reports.build`: they are closer together.
    """
    rng = np.random.default_rng(1)
    answers = [(f"p{p}", f"r{r}", int(rng.integers(1, 6)), f"k{p % 2}") for p in range(12) for r in range(3)]
    bounds = []
    for methods in ("a", "abcd"):
        lines = [f"{p},{r},{s},{kind},{way}" for p, r, s, kind in answers for way in methods]
        text = "\n".join(["item,who,score,kind,method", *lines])
        report = build(read(text, rater=rater, groups=("kind", "method")).study)
        groups = (report.overall, *report.sections[0].groups)
        bounds.append([bound for g in groups for bound in (g.mos.low, g.mos.high, g.ci_t_items.high)])
    assert bounds[1] == pytest.approx(bounds[0], abs=1e-12)


def test_a_scale_of_ones_own_has_its_own_words(tmp_path: Path) -> None:
    """Neither the words of the campaigns' scale, nor answers that nobody could give, nor raters nobody knows.

    Controls: `figures.OPTION_WORDS` for every scale of 1 to 5; both opt-outs in `assembling._options`;
    raters_known=True in `exports.group_lines`.
    """
    path = tmp_path / "r.csv"
    path.write_text("item,kind,score\n" + "".join(f"i{n},k{n % 2},{1 + n % 5}\n" for n in range(12)))
    call_command(
        "analyse", str(path), "--item", "item", "--no-rater-ids", "--score", "score", "--group", "kind",
        "--out", str(tmp_path / "out"), stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text().partition("<main")[2]
    assert not re.findall(r"(?i)\bbad|excellent|fair to|abstract|too poor|[0-9] raters|>raters<", page)
    assert "3 or more" in page
    groups = list(csv.DictReader((tmp_path / "out" / "groups.csv").open(newline="")))
    assert {row["n_raters"] for row in groups} == {""}
    assert [name for name in groups[0] if name.startswith("n_answers_")] == [
        f"n_answers_{s}" for s in "12345"
    ]
    skipped = read("item,rater,score\na,ann,5\na,bob,skip\n", values=values_of(["skip=image_too_poor"]))
    assert [option.code for option in skipped.study.options] == [*"12345", "image_too_poor"]


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
    for name in made - {Path("percept-files.sha256")}:
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
    assert "is still one item to the interval" in page
    named = re.findall(r'<th scope="row">([aA])<', page)
    assert named.count("a") == named.count("A") > 1


def test_a_second_run_replaces_the_first_and_leaves_alone_what_is_not_its_own(
    paired: Path, tmp_path: Path
) -> None:
    """Controls: write straight into the folder: the column's figures stay; delete the folder first: the notes
    go."""
    out = tmp_path / "report"
    analyse(paired, out)
    assert (out / "figures" / "mos_method.svg").exists()
    (out / "notes.txt").write_text("mine")
    paired.write_text(PAIRED.replace("method", "system"))
    call_command(
        "analyse", str(paired), "--item", "prompt", "--rater", "who", "--score", "score", "--group", "system",
        "--out", str(out), stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    assert (out / "notes.txt").read_text() == "mine"
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    listed = {line.split("  ", 1)[1] for line in (out / "percept-files.sha256").read_text().splitlines()}
    assert written == listed | {"percept-files.sha256", "notes.txt"}
    assert not [name for name in written if "method" in name]


def test_a_folder_with_somebodys_files_is_refused_and_stays_as_it_is(paired: Path, tmp_path: Path) -> None:
    """Controls: leave `result_folder.check` out; take every listed file for ours, changed or not."""
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "items.csv").write_text("mine")
    with pytest.raises(CommandError, match="is not empty, and its files are not from an earlier run"):
        analyse(paired, out)
    assert [path.name for path in out.iterdir()] == ["items.csv"]
    (out / "items.csv").unlink()
    analyse(paired, out)
    (out / "report.html").write_text("with my remarks")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(CommandError, match=r"changed since they were written: report\.html"):
        analyse(paired, out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_bundle_with_very_long_names_is_rebuilt(tmp_path: Path) -> None:
    """Control: leave `_cells_of_any_length` out of `rebuild`: csv reads no cell of so many characters."""
    path = tmp_path / "ratings.jsonl"
    rows = [{"item": f"{'x' * 131_072}{n}", "rater": who, "score": n + 2} for n in (0, 1) for who in "ab"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "out"
    columns = ("--item", "item", "--rater", "rater", "--score", "score")
    call_command("analyse", str(path), *columns, "--out", str(out), stdout=io.StringIO())
    before = csv.field_size_limit()
    call_command("rebuild", str(out / "bundle.zip"), stdout=io.StringIO())
    assert csv.field_size_limit() == before


def test_a_bundle_is_not_rebuilt_over_itself(paired: Path, tmp_path: Path) -> None:
    bundle = analyse(paired, tmp_path / "report")
    with pytest.raises(CommandError, match="holds the bundle itself"):
        call_command("rebuild", str(bundle), "--out", str(tmp_path / "report"))
    assert bundle.exists()


BROKEN = (
    ("ratings.csv", b""), ("ratings.csv", b"row,item\n1"), ("ratings.csv", b"\xff\xfe"),
    ("items.csv", b"item\n"), ("provenance.json", b"[]"), ("provenance.json", b'{"origin": "import"}'),
    ("provenance.json", b"["), ("raters.csv", b"rater\nnobody"),
)  # fmt: skip


def test_a_changed_bundle_is_refused_with_the_name_of_the_file(paired: Path, tmp_path: Path) -> None:
    """Control: print the error that reading ends in, such as "list index out of range"."""
    bundle = analyse(paired, tmp_path / "report")
    changed = tmp_path / "changed.zip"
    for name, content in BROKEN:
        with zipfile.ZipFile(bundle) as archive, zipfile.ZipFile(changed, "w") as other:
            for entry in archive.namelist():
                other.writestr(entry, content if entry == name else archive.read(entry))
        with pytest.raises(CommandError, match=f"was changed since it was written: {name}. Take the bundle"):
            call_command("rebuild", str(changed))


def test_a_scale_can_be_written_with_an_exponent(tmp_path: Path) -> None:
    """Control: argparse's own idea of a negative number, for which -1e1 is an unknown option."""
    path = tmp_path / "r.csv"
    path.write_text("prompt,method,who,score\np,a,x,-4\nq,a,x,5e0\n")
    analyse(path, tmp_path / "out", "--scale", "-1e1", "1e1", "--fair-from", "-2e-1")
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["import"]["scale"] == [-10, 10]
    assert facts["import"]["fair_from"] == -0.2


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
    with pytest.raises(CommandError, match=r"no bundle of Percept: it has no SHA256SUMS"):
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
