"""Presence answers as columns: from the database as from the file, and labels as counted one by one."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.exports import snapshot
from annotation.models import Campaign
from annotation.services import raters
from evaluation.kinds.answers import csv_lines
from evaluation.kinds.loading import inputs_of
from evaluation.kinds.presence_answers import NO_WORD, PresenceAnswers, label, presence_from_lines
from evaluation.metrics.label_models import dawid_skene
from evaluation.metrics.presence import Submission, top_two_labels
from evaluation.rebuilding import rebuild
from tests.evaluation.test_kind_results import get, presence, rows
from tests.evaluation.test_results_page import words

__all__ = ["presence"]
pytestmark = pytest.mark.django_db(transaction=True)
VOCABULARY = ("ball", "box", "dog", "cone")


def told(found: PresenceAnswers) -> list[object]:
    columns = found.answers
    arrays = (
        columns.item, columns.rater, columns.seconds, columns.failed, columns.excluded, columns.simulated,
        found.answer, found.word,
    )  # fmt: skip
    return [columns.item_ids, columns.rater_ids, found.vocabulary, *(array.tolist() for array in arrays)]


def test_the_database_gives_the_columns_of_the_file(presence: Campaign, owner: User) -> None:
    """Control: order the records by word instead of by checking, or forget answers without a word."""
    raters.exclude(presence.raters.order_by("pk")[1], owner, "asked to be left out")
    with snapshot():
        inputs = inputs_of(presence)
        assert inputs.read is not None
        straight = inputs.read()
        lines = csv_lines(inputs.answers.pieces())
        by_file = presence_from_lines(lines, vocabulary=inputs.facts["vocabulary"])
    assert told(straight) == told(by_file)
    assert straight.answers.excluded.tolist() == [False, True, False]


submissions = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.sampled_from(VOCABULARY), max_size=4)), max_size=12
)


@settings(max_examples=80, deadline=None)
@given(given_=submissions)
def test_labels_are_those_counted_one_image_at_a_time(given_: list[tuple[int, list[str]]]) -> None:
    """Against `top_two_labels`. Control: break ties by the checklist's order."""
    lines = [
        {
            "answer_id": number, "item": str(item), "rater": str(number), "rater_failed_checks": "0",
            "rater_excluded": "1" if number % 5 == 4 else "0", "simulated": "0", "seconds_shown": "1",
            "checked_word": word,
        }
        for number, (item, checked) in enumerate(given_)
        for word in (checked or [""])
    ]  # fmt: skip
    found = label(presence_from_lines(lines, vocabulary=VOCABULARY), items=["0", "1", "2"])
    for item in range(3):
        counted = [
            Submission(rater=str(number), words=tuple(checked))
            for number, (place, checked) in enumerate(given_)
            if place == item and number % 5 != 4
        ]
        slow = top_two_labels(counted)
        assert [VOCABULARY[word] for word in found.word[item] if word != NO_WORD] == list(slow.words)
        assert [int(n) for n in found.votes[item] if n] == list(slow.votes)
        assert (bool(found.tied[item]), int(found.n_raters[item])) == (slow.tied, len(counted))
        assert int(found.n_none[item]) == sum(not submission.words for submission in counted)


def test_a_word_off_the_checklist_is_refused() -> None:
    line = {
        "answer_id": "1", "item": "1", "rater": "r", "rater_failed_checks": "0", "rater_excluded": "0",
        "simulated": "0", "seconds_shown": "1", "checked_word": "cow",
    }  # fmt: skip
    with pytest.raises(ValueError, match="'cow', which is not in the checklist"):
        presence_from_lines([line], vocabulary=VOCABULARY)


def votes(answers: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> np.ndarray:
    return np.array([[word in own for word in vocabulary] for own in answers], dtype=np.int64)


def test_label_models_stand_beside_the_top_two(signed_in: Client, presence: Campaign) -> None:
    """The majority sees ball and box (2 of 3 each), and in the second image the dog alone: no cone, no cube.

    Dawid and Skene's numbers are those of the votes put together here.
    Control: give the model the top two's votes only, or take a tie for a yes.
    """
    images = {row["relation"]: row for row in rows(signed_in, presence, "images.csv")}
    assert (images["other"]["correct_majority"], images["cohyponym"]["correct_majority"]) == ("1", "0")
    vocabulary = list(presence.vocabulary)
    first = votes([["ball", "box"], ["box", "dog"], ["ball"]], vocabulary)
    second = votes([["cone"], ["cube", "dog"], ["dog", "umbrella"]], vocabulary)
    said = np.concatenate([first.T, second.T])
    n_units = len(said)
    model = dawid_skene(
        np.repeat(np.arange(n_units), 3), rater_index=np.tile(np.arange(3), n_units), label=said.ravel(),
        n_items=n_units, n_raters=3, n_labels=2,
    )  # fmt: skip
    found = rows(signed_in, presence, "raters.csv")
    assert [float(row["sensitivity"]) for row in found] == pytest.approx(model.confusion[:, 1, 1].tolist())
    assert [float(row["specificity"]) for row in found] == pytest.approx(model.confusion[:, 0, 0].tolist())
    table = {row["model"]: row for row in rows(signed_in, presence, "label_models.csv")}
    assert [(row["n_correct"], row["n_images"]) for row in table.values()][:2] == [("1", "2"), ("1", "2")]
    labels = rows(signed_in, presence, "word_labels.csv")
    dog = next(row for row in labels if row["word"] == "dog" and row["item"] == images["cohyponym"]["item"])
    assert (dog["n_checked"], dog["n_answers"], dog["majority"]) == ("2", "3", "1")
    assert "Other ways to make labels" in words(get(signed_in, presence).decode())


def test_images_are_filtered_by_relation_and_the_flow_says_so(
    signed_in: Client, presence: Campaign, tmp_path: Path
) -> None:
    """Control: leave the filter out of `rows`, so that agreement and models see all images."""
    only = "?only-relation=cohyponym"
    content = get(signed_in, presence, "images.csv", only).decode()
    lines = {row["relation"]: row for row in csv.DictReader(io.StringIO(content, newline=""))}
    assert (lines["other"]["status"], lines["cohyponym"]["status"]) == ("filtered out", "ok")
    steps = json.loads(get(signed_in, presence, "provenance.json", only))["filters_in_order"]
    told_ = [(s["name"], s["detail"], s["items_before"], s["items_after"], s["answers_after"]) for s in steps]
    assert told_[0] == ("filter", "relation is cohyponym", 2, 1, 3)
    assert [step[0] for step in told_] == ["filter", "exclude raters", "exclude raters", "outcome"]
    agreed = csv.DictReader(io.StringIO(get(signed_in, presence, "agreement.csv", only).decode(), newline=""))
    assert {row["n_items"] for row in agreed} - {"0"} == {str(len(presence.vocabulary))}
    shown = words(get(signed_in, presence, query=only).decode())
    assert "Images with both objects 0 %" in shown
    assert "Filtered by group relation is cohyponym" in shown
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(get(signed_in, presence, "bundle.zip", only))
    assert rebuild(bundle).is_whole
    wrong = words(get(signed_in, presence, query="?only-relation=none").decode())
    assert "No item has &#x27;none&#x27; as its relation." in wrong
