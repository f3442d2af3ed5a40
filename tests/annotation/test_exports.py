"""ratings.csv: one row per standing answer, the same bytes each time, no cell that acts.

An export holds a transaction of its own, so the tests hold none.
"""

import csv
import io
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Concat

from annotation import check_rows, standings
from annotation.exports import RATINGS, ratings_csv, ratings_sha256, snapshot
from annotation.models import Answer, Campaign, Slot
from annotation.services import raters
from annotation.services.answers import undo_last
from annotation.services.tasks_for_raters import Task, next_task
from annotation.shown import with_shown
from common.csv_stream import lines, unguard
from generation.models import Image, Prompt, PromptWord, Run
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of(campaign: Campaign) -> list[dict[str, str]]:
    text = b"".join(ratings_csv(campaign)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def rated(owner: User, *, option: str = "4", **changes: Any) -> Campaign:
    """A campaign on two prompts, rated by one rater."""
    run = factories.make_finished_run(owner)
    campaign = factories.make_open_campaign(owner, run=run, **({"raters_per_item": 1} | changes))
    factories.rate_all(factories.make_rater(campaign, "canary-export"), option)
    return campaign


def test_every_standing_answer_is_one_row_with_its_provenance(owner: User) -> None:
    campaign = rated(owner, checks_per_rater=2)
    rows = rows_of(campaign)
    answers = {str(answer.pk): answer for answer in Answer.objects.all()}
    assert [row["answer_id"] for row in rows] == sorted(answers, key=int)
    for row in rows:
        answer = answers[row["answer_id"]]
        word_map = factories.map_of(answer.slot.item)
        image, run = word_map.image, word_map.image.run
        assert row["campaign"] == str(campaign.public_id)
        assert row["answer_key"] == str(answer.idempotency_key)
        assert (row["prompt"], row["word"]) == (image.prompt.text, unguard(word_map.word.text))
        assert row["prompt"][int(row["word_start"]) : int(row["word_end"])] == row["word"]
        assert (int(row["seed"]), row["image_sha256"]) == (image.seed, image.file_sha256)
        assert (row["model_id"], row["model_revision"]) == (run.model_id, run.model_revision)
        assert (int(row["steps"]), float(row["guidance"])) == (run.steps, run.guidance)
        assert row["library_versions"] == '{"tests":"1"}'
        assert (row["rater"], int(row["place"])) == (answer.rater.pseudonym, answer.place)
        assert datetime.fromisoformat(row["answered_at"]) == answer.answered_at
        assert float(row["seconds_shown"]) == (answer.answered_at - answer.shown_at).total_seconds() >= 0
        assert (int(row["client_milliseconds"]), row["view"]) == (1500, "both")


def test_checks_and_failed_raters_are_marked(owner: User) -> None:
    """Control: let `_check_passed` compare with nothing but the score."""
    rows = rows_of(rated(owner, option="4", checks_per_rater=2))
    checks = [row for row in rows if row["is_attention_check"] == "1"]
    assert [row["attention_check_passed"] for row in checks] == ["0", "0"]
    assert {row["rater_failed_checks"] for row in rows} == {"1"}
    assert {row["in_analysis"] for row in rows} == {"0"}


def test_a_passed_check_leaves_the_ratings_in_the_analysis(owner: User) -> None:
    rows = rows_of(rated(owner, option="word_too_abstract", checks_per_rater=2))
    assert {row["attention_check_passed"] for row in rows if row["is_attention_check"] == "1"} == {"1"}
    assert {(row["is_attention_check"], row["in_analysis"]) for row in rows} == {("1", "0"), ("0", "1")}
    assert {(row["score"], row["opt_out"]) for row in rows} == {("", "word_too_abstract")}


def test_an_excluded_raters_answers_stay_marked(owner: User) -> None:
    campaign = rated(owner)
    before = rows_of(campaign)
    raters.exclude(campaign.raters.get(), owner, "answered at random")
    rows = rows_of(campaign)
    assert [row["answer_id"] for row in rows] == [row["answer_id"] for row in before]
    assert {(row["rater_excluded"], row["in_analysis"]) for row in rows} == {("1", "0")}


def test_an_undone_answer_is_not_in_the_file(owner: User) -> None:
    """Control: leave undone_at__isnull=True out of `rating_lines._answers`."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=1)
    rater = factories.make_rater(campaign)
    task = next_task(rater)
    assert isinstance(task, Task)
    undone = factories.answer(rater, task, "1")
    undo_last(rater)
    assert str(undone.answer_id) not in {row["answer_id"] for row in rows_of(campaign)}


def test_the_same_data_give_the_same_bytes(owner: User) -> None:
    """Control: leave order_by out of `rating_lines._answers`."""
    campaign = rated(owner, checks_per_rater=1)
    first = b"".join(ratings_csv(campaign))
    # Rewritten rows move to the end of PostgreSQL's table: without an order they come out backwards.
    for pk in Answer.objects.order_by("-pk").values_list("pk", flat=True):
        Answer.objects.filter(pk=pk).update(view="both")
    for pk in Slot.objects.order_by("-pk").values_list("pk", flat=True):
        Slot.objects.filter(pk=pk).update(void_reason="")
    assert b"".join(ratings_csv(campaign)) == first


def test_a_file_shows_one_moment(owner: User) -> None:
    """Control: leave SET TRANSACTION out of `snapshot`: the second reading then sees the new answer."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=1)
    rater = factories.make_rater(campaign)
    with snapshot():
        before = ratings_sha256(campaign)
        _in_another_connection(lambda: factories.rate_all(rater))
        assert ratings_sha256(campaign) == before
    with snapshot():
        assert ratings_sha256(campaign) != before


def test_a_snapshot_writes_nothing(owner: User) -> None:
    campaign = factories.make_draft(owner)
    with pytest.raises(Exception, match="read-only transaction"), snapshot():
        Campaign.objects.filter(pk=campaign.pk).update(name="changed")


def test_formulas_in_prompts_and_words_do_not_act(owner: User) -> None:
    """Control: let `guard` return its argument."""
    prompt = "=ball +1 @here -2."
    run = factories.make_finished_run(owner, prompts=[prompt])
    campaign = factories.make_open_campaign(owner, run=run, raters_per_item=1, checks_per_rater=5)
    factories.rate_all(factories.make_rater(campaign), "word_too_abstract")
    rows = rows_of(campaign)
    assert {unguard(row["prompt"]) for row in rows} == {prompt}
    words = {unguard(row["word"]) for row in rows}
    assert {"=", "+", "@", "-"} <= words
    dangerous = [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    assert dangerous == []


NASTY = 'a "ball", \\n \t=cone\u2028 \\'


def test_a_text_with_line_breaks_is_one_cell(owner: User) -> None:
    """Scripts may give a negative prompt of several lines; without a comma nothing else asks for quotes.

    Control: an empty line end for `rating_lines._WRITER`, which then quotes no line break.
    """
    campaign = rated(owner)
    Run.objects.update(negative_prompt="blurry\r\nlow quality\ntext")
    rows = rows_of(campaign)
    assert len(rows) == Answer.objects.count()
    assert {(row["negative_prompt"], row["view"]) for row in rows} == {
        ("blurry\r\nlow quality\ntext", "both")
    }


def test_every_cell_is_what_its_column_says_of_the_answer(owner: User) -> None:
    """The file against its columns read answer by answer, with texts that quoting and COPY could spoil.

    Control: leave `_unescaped` out of `copied_columns`, or `_quoted` out of `rating_lines`.
    """
    campaign = rated(owner, checks_per_rater=2, repeats_per_rater=1, raters_per_item=2)
    factories.rate_all(factories.make_rater(campaign, "second"), "image_too_poor")
    Prompt.objects.update(text=Concat(Value(NASTY), "text"))
    Image.objects.update(versions={"torch": '2,"9"', "a": NASTY})
    PromptWord.objects.filter(position=1).update(text=", x\r\ny", lemma="=1+1")
    odd = Answer.objects.order_by("pk")[0]
    odd.view, odd.client_milliseconds, odd.shown_at = 'a,"b', None, datetime(2024, 1, 2, tzinfo=UTC)
    odd.save()
    assert b"".join(ratings_csv(campaign)) == answer_by_answer(campaign)


def answer_by_answer(campaign: Campaign) -> bytes:
    """The file from one row of Python values per answer."""
    of_rater = standings.standings(campaign)
    paths = [column.path for column in RATINGS if column.path]
    answers = check_rows.with_first_answers(Answer.objects.filter(slot__campaign=campaign, undone_at=None))
    answers = with_shown(answers, campaign=campaign, item="slot__item__")
    rows = answers.order_by("pk").values("rater_id", *check_rows.COLUMNS, *paths)
    told = [row | {"campaign": campaign, "standing": of_rater[row["rater_id"]]} for row in rows]
    return "".join(lines(told, columns=RATINGS)).encode()


def test_the_file_names_no_platform_identity(owner: User) -> None:
    """Control: export `rater__identity__platform_id`."""
    assert b"canary-export" not in b"".join(ratings_csv(rated(owner)))


def test_an_empty_campaign_is_a_header(owner: User) -> None:
    found = b"".join(ratings_csv(factories.make_draft(owner))).decode().splitlines()
    assert found == [",".join(column.name for column in RATINGS)]


def _in_another_connection(act: Any) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except BaseException as failure:  # noqa: BLE001 — handed to the test below
            failures.append(failure)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
