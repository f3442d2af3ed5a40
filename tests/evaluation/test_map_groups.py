"""The report of the maps by group: parts of speech and columns of the prompts, on page and in files."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.choices import TaskKind
from annotation.models import Campaign
from evaluation.rebuilding import rebuild
from evaluation.views import kinds
from generation.models import Image, Prompt, PromptWord
from tests import factories
from tests.evaluation.test_kind_results import streamed
from tests.evaluation.test_results_page import words

pytestmark = pytest.mark.django_db(transaction=True)

# Names and values as people have them: a formula's sign, an equals sign, quotes, a line break.
HOSTILE = "=cmd|' /C calc'!A0"
ODD_VALUES = ("=1+1", '"a", b\r\n<b>')


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Two prompts of one image each: "a red ball beside a blue box." and "the green cone, a yellow cube.".

    Colours are adjectives, and hang on the word behind them; the prompts differ in two columns of theirs.
    """
    campaign = factories.make_open_campaign(owner)
    for text, extra in (
        ("ball", {"relation": "other", HOSTILE: ODD_VALUES[0]}),
        ("cone", {"relation": "cohyponym", HOSTILE: ODD_VALUES[1]}),
    ):
        prompt = Prompt.objects.get(text__contains=text)
        Prompt.objects.filter(pk=prompt.pk).update(extra=extra)
        for word in PromptWord.objects.filter(prompt=prompt, text__in=("red", "blue", "green", "yellow")):
            word.part_of_speech, word.head_position, word.dependency = "ADJ", word.position + 1, "amod"
            word.save()
    return campaign


def asked(**only: str) -> str:
    return "?" + urlencode({f"only-{name}": value for name, value in only.items()})


def table(client: Client, campaign: Campaign, name: str, query: str = "") -> list[dict[str, str]]:
    url = reverse("evaluation:maps_file", args=[campaign.public_id, name])
    return list(csv.DictReader(io.StringIO(streamed(client, url + query).decode(), newline="")))


def facts(client: Client, campaign: Campaign, query: str) -> dict[str, object]:
    url = reverse("evaluation:maps_file", args=[campaign.public_id, "provenance.json"])
    found: dict[str, object] = json.loads(streamed(client, url + query))
    return found


def page(client: Client, campaign: Campaign, query: str = "") -> str:
    return words(client.get(reverse("evaluation:maps", args=[campaign.public_id]) + query).content.decode())


def check_rebuilt(client: Client, campaign: Campaign, query: str, folder: Path) -> None:
    bundle = folder / "maps.zip"
    url = reverse("evaluation:maps_file", args=[campaign.public_id, "bundle.zip"])
    bundle.write_bytes(streamed(client, url + query))
    found = rebuild(bundle)
    assert (found.different, found.missing, found.added) == ((), (), ())


def test_maps_are_filtered_by_part_of_speech_and_pairs_by_both_their_words(
    signed_in: Client, campaign: Campaign, tmp_path: Path
) -> None:
    """Control: take pairs of which one word passes, or leave `only` out of the settings' facts."""
    whole = {row["part_of_speech"]: row for row in table(signed_in, campaign, "intensity.csv")}
    assert {"ADJ", "NOUN"} <= set(whole)
    assert "amod" in {row["relation"] for row in table(signed_in, campaign, "relations.csv")}
    query = asked(part_of_speech="ADJ")
    assert table(signed_in, campaign, "intensity.csv", query) == [whole["ADJ"]]
    assert "amod" not in {row["relation"] for row in table(signed_in, campaign, "relations.csv", query)}
    assert table(signed_in, campaign, "maps.csv", query) == table(signed_in, campaign, "maps.csv")
    shown = page(signed_in, campaign, query)
    n = len(table(signed_in, campaign, "maps.csv"))
    assert f"Only maps whose part of speech is ADJ: 4 of {n}." in shown
    settings = facts(signed_in, campaign, query)["settings"]
    assert settings == {
        "confidence": 0.95,
        "tau": 0.4,
        "only": [{"grouping": "part_of_speech", "value": "ADJ"}],
    }
    check_rebuilt(signed_in, campaign, query, tmp_path)


def test_maps_are_filtered_by_any_column_of_the_prompts(
    signed_in: Client, campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first image only is measured here: of the prompts asked for, whichever they are.

    Control: measure the first images of the run and filter then.
    """
    monkeypatch.setattr(kinds, "MOST_IMAGES", 1)
    for relation, text in (("other", "ball"), ("cohyponym", "cone")):
        query = asked(prompt_relation=relation)
        found = table(signed_in, campaign, "maps.csv", query)
        assert {row["prompt_relation"] for row in found} == {relation}
        assert all(text in row["prompt"] for row in found)
        assert found
        assert f"Only maps whose relation of the prompt is {relation}" in page(signed_in, campaign, query)
        check_rebuilt(signed_in, campaign, query, tmp_path)
    told = facts(signed_in, campaign, asked(prompt_relation="other"))["campaign"]
    assert isinstance(told, dict)
    assert (told["images_of_other_prompts"], told["images_left_out"]) == (1, 0)
    assert facts(signed_in, campaign, "")["campaign"]["images_left_out"] == 1  # type: ignore[index]


@pytest.mark.parametrize("value", ODD_VALUES)
def test_columns_with_odd_names_and_values_filter_and_are_rebuilt(
    signed_in: Client, campaign: Campaign, tmp_path: Path, value: str
) -> None:
    """Control: write the prompts' cells without `cell_text`, or read them back with their guard."""
    query = asked(**{f"prompt_{HOSTILE}": value})
    found = table(signed_in, campaign, "maps.csv", query)
    assert {row[f"prompt_{HOSTILE}"].removeprefix("'") for row in found} == {value}
    assert not any(row[f"prompt_{HOSTILE}"].startswith("=") for row in found)
    codebook = {row["column"]: row["meaning"] for row in table(signed_in, campaign, "codebook.csv", query)}
    assert HOSTILE in codebook[f"prompt_{HOSTILE}"]
    check_rebuilt(signed_in, campaign, query, tmp_path)


def test_a_group_that_leaves_no_map_says_so_and_leads_back(signed_in: Client, campaign: Campaign) -> None:
    """The prompt with the cone has no adjective, and then no image either.

    Control: say that the run has no finished image wherever no map is left.
    """
    PromptWord.objects.filter(prompt__text__contains="cone", part_of_speech="ADJ").update(part_of_speech="X")
    shown = page(signed_in, campaign, asked(prompt_relation="cohyponym", part_of_speech="ADJ"))
    assert "Only maps whose part of speech is ADJ: 0 of" in shown
    assert "Back to the defaults" in shown
    assert "no finished image" not in shown
    Image.objects.filter(prompt__text__contains="cone").update(run=factories.make_run(campaign.owner))
    shown = page(signed_in, campaign, asked(prompt_relation="cohyponym"))
    assert "Only maps whose relation of the prompt is cohyponym: 0 of 0." in shown
    assert "Back to the defaults" in shown


@pytest.mark.parametrize("name", ["evaluation:maps", "evaluation:results"])
def test_a_choice_that_cannot_be_is_told_where_it_is_seen(
    signed_in: Client, owner: User, campaign: Campaign, name: str
) -> None:
    """Control: open the choices only where one was taken, and leave what is wrong behind the fold."""
    if name == "evaluation:results":
        campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner)
        factories.rate_all(factories.make_rater(campaign))
    url = reverse(name, args=[campaign.public_id])
    shown = signed_in.get(url + "?confidence=2&only-part_of_speech=PLURAL").content.decode()
    assert "confidence can&#x27;t be &#x27;2&#x27;." in shown
    assert '<details class="card" open>' in shown
    assert '<details class="card">' in signed_in.get(url).content.decode()


def test_the_command_takes_the_same_filters_and_names_what_there_is(
    signed_in: Client, campaign: Campaign, tmp_path: Path
) -> None:
    """Control: pass no `only` to `MapSettings`, or let unknown groups give an empty report."""

    def run(*only: str) -> None:
        call_command(
            "map_report", str(campaign.public_id), out=tmp_path / "out", only=only, stdout=io.StringIO()
        )

    run("part_of_speech=ADJ", "prompt_relation=other")
    content = (tmp_path / "out" / "intensity.csv").read_text()
    assert [row["n"] for row in csv.DictReader(io.StringIO(content))] == ["2"]
    with pytest.raises(CommandError, match="'relation=other' names none of the columns that group maps"):
        run("relation=other")
    with pytest.raises(CommandError, match=r"has no group 'meronym'\. There are: 'cohyponym', 'other'"):
        run("prompt_relation=meronym")
