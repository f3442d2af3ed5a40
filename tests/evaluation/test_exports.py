"""items.csv, raters.csv, groups.csv, provenance.json of the small campaign, and the documents on them."""

import csv
import hashlib
import io
import json
import math
import re
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from scipy import stats

from annotation.models import Campaign
from annotation.services import raters
from common.csv_stream import unguard
from evaluation.exports import FILES
from evaluation.rebuilding import rebuild
from tests import factories

# An export holds a transaction of its own, so the tests hold none.
pytestmark = pytest.mark.django_db(transaction=True)
DOCS = Path(__file__).resolve().parents[2] / "docs" / "exports.md"


def download(client: Client, campaign: Campaign, name: str) -> bytes:
    name, _, query = name.partition("?")
    response = client.get(reverse("evaluation:file", args=[campaign.public_id, name]) + f"?{query}")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    streamed = getattr(response, "streaming_content", None)
    return b"".join(streamed) if streamed is not None else response.content


def rows(client: Client, campaign: Campaign, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(download(client, campaign, name).decode(), newline="")))


def test_items_csv_holds_the_scores_worked_out_by_hand(signed_in: Client, small: Campaign) -> None:
    by_word = {row["word"]: row for row in rows(signed_in, small, "items.csv")}
    assert {word: row["median"] for word, row in by_word.items()} == {
        "red": "4.0", "ball": "5.0", "on": "", "box": "3.5", ".": ""
    }  # fmt: skip
    assert by_word["on"]["status"] == "dropped: word too abstract"
    assert (by_word["."]["item_kind"], by_word["."]["status"]) == ("attention", "")
    assert [row["position"] for row in by_word.values()] == ["0", "1", "2", "3", "4"]


def test_raters_csv_says_whose_answers_count(signed_in: Client, small: Campaign) -> None:
    """Control: count the checks of every kind as one."""
    found = rows(signed_in, small, "raters.csv")
    assert [row["verdict"] for row in found] == ["kept", "kept", "kept", "failed checks"]
    assert [(row["checks_answered"], row["checks_wrong"]) for row in found] == [("1", "0")] * 3 + [("1", "1")]
    by_kind = [(row["abstract_checks"], row["abstract_wrong"]) for row in found]
    assert by_kind == [("1", "0")] * 3 + [("1", "1")]
    assert {row[f"{kind}_checks"] for row in found for kind in ("known", "instructed", "repeat")} == {"0"}
    assert {row["share_of_answers"] for row in found} == {"0.25"}


def test_single_items_have_an_interval_that_says_how_it_was_made(signed_in: Client, small: Campaign) -> None:
    """red has 4, 5 and 2; ball has 5, 5 and 4: by the SOS model, or by the widest spread on request.

    Wilson for 2/3 of 3, carried to 1..5, is 1 + 4 * (0.20766, 0.93851).
    Control: leave `method` out of `item_intervals`.
    """
    usual = {row["word"]: row for row in rows(signed_in, small, "items.csv")}
    asked = csv.DictReader(
        io.StringIO(download(signed_in, small, "items.csv?items=binomial_bounded").decode(), newline="")
    )
    wide = {row["word"]: row for row in asked}
    assert (usual["red"]["mean_method"], wide["red"]["mean_method"]) == ("sos", "binomial_bounded")
    assert usual["on"]["mean_low"] == usual["."]["mean_low"] == ""
    bounds = [float(wide["red"][name]) for name in ("mean_low", "mean_high")]
    assert bounds == pytest.approx([1 + 4 * 0.207655, 1 + 4 * 0.938509], abs=1e-4)
    assert bounds != [float(usual["red"][name]) for name in ("mean_low", "mean_high")]


def test_raters_have_a_bias_and_p910_only_on_request(signed_in: Client, small: Campaign) -> None:
    """Control: let `_rater_fit` fit whatever the settings say, or leave excluded raters out of its table."""
    usual = rows(signed_in, small, "raters.csv")
    assert {row["model_bias"] for row in usual} == {""}
    assert all(row["bias"] or row["bias_undefined_because"] for row in usual)
    asked = rows(signed_in, small, "raters.csv?raters=p910")
    # Four scores are too few for a bias of one's own; who failed the checks is not in the model at all.
    assert [(row["verdict"], row["model_pooled"]) for row in asked] == [("kept", "1")] * 3 + [
        ("failed checks", "0")
    ]
    assert {row["model_score"] != "" for row in rows(signed_in, small, "items.csv?raters=p910")} == {
        True,
        False,
    }


def test_groups_csv_holds_the_numbers_of_the_figures(signed_in: Client, small: Campaign) -> None:
    found = {row["group"]: row for row in rows(signed_in, small, "groups.csv")}
    assert list(found) == ["ADJ", "ADP", "NOUN", "(all)"]
    noun, adposition, overall = found["NOUN"], found["ADP"], found["(all)"]
    assert (noun["n_items"], noun["mos"], noun["fair_share"], noun["below_min_items"]) == (
        "2",
        "4.25",
        "1.0",
        "1",
    )
    assert (adposition["mos"], adposition["mos_undefined_because"]) == ("", "no item")
    assert float(overall["mos"]) == pytest.approx(12.5 / 3)
    assert [overall[f"n_answers_{option}"] for option in ("1", "2", "3", "4", "5")] == [
        "1",
        "2",
        "1",
        "3",
        "3",
    ]


def test_provenance_names_the_filters_and_the_hash_of_ratings_csv(signed_in: Client, small: Campaign) -> None:
    """Control: hash the file without its header."""
    facts = json.loads(download(signed_in, small, "provenance.json"))
    ratings = download(signed_in, small, "ratings.csv")
    assert facts["files"]["ratings.csv"]["sha256"] == hashlib.sha256(ratings).hexdigest()
    steps = [(step["answers_before"], step["answers_after"]) for step in facts["filters_in_order"]]
    assert steps == [(20, 16), (16, 12), (12, 12), (12, 9), (9, 8)]
    assert facts["items"] == {"all": 4, "kept": 3, "too_abstract": 1, "no_score": 0, "no_answer": 0}
    assert facts["campaign"]["model_revision"] == small.run.model_revision
    assert facts["settings"]["interval"] == "two_way"
    assert facts["software"]["numpy"]


def test_every_rule_about_raters_says_what_it_would_change(signed_in: Client, small: Campaign) -> None:
    """With dora red is 4 5 2 1 (3) and ball 5 5 4 1 (4.5); "box" is dropped too, so the mean is 3.75.

    Control: let `_rule` count raters without an answer, or score the report's own table for every rule.
    """
    found = {row["rule"]: row for row in rows(signed_in, small, "rater_rules.csv")}
    assert list(found) == [
        "none", "exclusion_1", "exclusion_2", "this_report", "bt500", "p808_z_filter", "p910_model",
    ]  # fmt: skip
    assert (found["none"]["mos"], found["none"]["raters_rejected"]) == ("3.75", "0")
    failed = found["exclusion_1"]
    assert (failed["raters_rejected"], failed["n_raters"], failed["share_of_answers"]) == ("1", "4", "0.25")
    # Clopper-Pearson of 1 in 4, from any table of it.
    assert float(failed["share_of_raters_high"]) == pytest.approx(0.80588, abs=1e-5)
    assert found["this_report"]["mos"] == found["bt500"]["mos"]
    assert float(found["this_report"]["mos"]) == pytest.approx(12.5 / 3)
    assert found["p910_model"]["mos_undefined_because"].startswith("choose P.910")
    asked = csv.DictReader(
        io.StringIO(download(signed_in, small, "rater_rules.csv?raters=p910").decode(), newline="")
    )
    assert [row["mos"] != "" for row in asked][-1]


def test_rules_about_raters_have_bounds_of_the_level_that_was_chosen(
    signed_in: Client, small: Campaign
) -> None:
    """Outside truth: the beta quantiles of 1 rater in 4 and 4 answers in 16, from scipy.

    Control: leave `confidence` out of `rater_rules._rule`'s call of reject_rates: 95 % at any level.
    """
    text = download(signed_in, small, "rater_rules.csv?confidence=0.9").decode()
    failed = next(r for r in csv.DictReader(io.StringIO(text, newline="")) if r["rule"] == "exclusion_1")
    assert float(failed["share_of_raters_high"]) == pytest.approx(stats.beta.ppf(0.95, 2, 3))
    assert float(failed["share_of_answers_low"]) == pytest.approx(stats.beta.ppf(0.05, 4, 13))


def test_agreement_has_every_measure_with_its_number_or_its_reason(
    signed_in: Client, small: Campaign
) -> None:
    """Against the package on the eleven scores before the drop rule; opt-outs are missing.

    Control: measure the answers of excluded raters too, or leave the headline off the first line.
    """
    found = rows(signed_in, small, "agreement.csv")
    scores = [[4, 5, 2], [5, 5, 4], [2, math.nan, 1], [3, math.nan, 4]]
    theirs = krippendorff.alpha(np.array(scores).T, level_of_measurement="ordinal")
    assert found[0]["measure"] == "krippendorff_alpha_ordinal"
    assert float(found[0]["estimate"]) == pytest.approx(theirs, abs=1e-9)
    assert (found[0]["n_items"], found[0]["n_ratings"]) == ("4", "10")
    assert {row["measure"] for row in found} >= {"fleiss_kappa", "gwet_ac1", "icc1k", "icc3k"}
    assert all(row["low"] or row["undefined_because"] for row in found)
    reasons = {row["measure"]: row["undefined_because"] for row in found}
    assert reasons["cohen_kappa_quadratic"] == "it is of two raters, here are 3"
    assert "Fleiss' kappa needs one number" in reasons["fleiss_kappa"]


def test_every_file_is_the_same_twice(signed_in: Client, small: Campaign) -> None:
    """Control: write the time of day into provenance.json."""
    names = (
        "ratings.csv",
        "items.csv",
        "raters.csv",
        "groups.csv",
        "comparisons.csv",
        "agreement.csv",
        "rater_rules.csv",
        "codebook.csv",
        "provenance.json",
        "report.html",
        "figures/mos_part_of_speech.svg",
        "figures/mos_part_of_speech.pdf",
        "figures/mos_part_of_speech.png",
        "bundle.zip",
    )
    first = {name: download(signed_in, small, name) for name in names}
    assert {name: download(signed_in, small, name) for name in names} == first


@pytest.mark.parametrize("query", ["", "?only-part_of_speech=NOUN&drop=never&interval=t_items&score=mean"])
def test_a_campaign_s_bundle_is_rebuilt_byte_for_byte(
    signed_in: Client, small: Campaign, tmp_path: Path, query: str
) -> None:
    """Control: let `loading._verdict` be "kept" for everybody."""
    raters.exclude(small.raters.order_by("pk")[1], small.owner, "=asked to be left out")
    bundle = tmp_path / "bundle.zip"
    url = reverse("evaluation:file", args=[small.public_id, "bundle.zip"])
    bundle.write_bytes(signed_in.get(url + query).getvalue())
    found = rebuild(bundle)
    assert found.is_whole, found
    assert len(found.same) > 20


def test_a_filtered_file_says_which_items_it_leaves_out(signed_in: Client, small: Campaign) -> None:
    url = reverse("evaluation:file", args=[small.public_id, "items.csv"])
    content = signed_in.get(f"{url}?only-part_of_speech=NOUN").getvalue()
    found = {row["word"]: row["status"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))}
    assert (found["ball"], found["red"], found["."]) == ("kept", "filtered out", "")


def test_a_file_under_a_choice_that_does_not_exist_is_not_found(signed_in: Client, small: Campaign) -> None:
    """Control: ignore `form.problems` in the view: a misspelt filter would give the numbers of all items."""
    url = reverse("evaluation:file", args=[small.public_id, "groups.csv"])
    assert signed_in.get(f"{url}?only-part_of_speech=NOUNS").status_code == 404
    assert signed_in.get(url.replace("groups", "nothing")).status_code == 404


def test_the_report_is_rebuilt_from_ratings_csv_alone(signed_in: Client, small: Campaign) -> None:
    """The mean opinion score of the nouns from the file, without our code."""
    counted = [row for row in rows(signed_in, small, "ratings.csv") if row["in_analysis"] == "1"]
    items: dict[str, list[dict[str, str]]] = {}
    for row in counted:
        items.setdefault(row["item"], []).append(row)
    medians = []
    for answers in items.values():
        scores = sorted(int(row["score"]) for row in answers if row["score"])
        dropped = any(row["opt_out"] == "word_too_abstract" for row in answers)
        if answers[0]["part_of_speech"] == "NOUN" and scores and not dropped:
            medians.append((scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2)
    assert sum(medians) / len(medians) == 4.25


def test_an_empty_campaign_has_every_file(signed_in: Client, owner: User) -> None:
    campaign = factories.make_campaign_of(2, owner=owner)
    for name in (
        "ratings.csv",
        "items.csv",
        "raters.csv",
        "groups.csv",
        "comparisons.csv",
        "provenance.json",
        "report.html",
    ):
        content = download(signed_in, campaign, name).decode()
        assert not re.search(r"\bnan\b", content.lower())


def test_the_codebook_names_every_column_of_every_file(signed_in: Client, small: Campaign) -> None:
    found = rows(signed_in, small, "codebook.csv")
    named = [(row["file"], unguard(row["column"])) for row in found]
    assert named == [(file, column.name) for file, columns in FILES.items() for column in columns]
    assert all(row["meaning"].endswith(".") for row in found)


def test_no_file_has_two_columns_of_one_name() -> None:
    for columns in FILES.values():
        names = [column.name for column in columns]
        assert len(names) == len(set(names))


def test_the_docs_say_what_the_code_writes() -> None:
    """Control: rename a column in the code, or a meaning in the docs."""
    documented: dict[str, list[tuple[str, str]]] = {}
    file = ""
    for line in DOCS.read_text().splitlines():
        if line.startswith("## "):
            file = line.removeprefix("## ")
        elif row := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line):
            documented.setdefault(file, []).append((row[1], row[2]))
    assert {name: documented[name] for name in FILES} == {
        name: [(column.name, column.meaning) for column in columns] for name, columns in FILES.items()
    }
