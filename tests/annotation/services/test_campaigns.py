"""A campaign's life and what freezes when it opens."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from annotation.choices import CampaignState, ItemKind, SlotState
from annotation.models import AuditEntry, Campaign, CampaignVersion, Item, Slot
from annotation.services import campaigns, openings
from annotation.services.campaigns import CampaignMoved, OpeningRefused
from generation import storage
from generation.choices import ImageState, SafetyVerdict
from generation.models import Image, Run, WordMap
from tests import factories

pytestmark = pytest.mark.django_db


def parts(campaign: Campaign, kind: ItemKind) -> set[str]:
    """Parts of speech of the campaign's items of a kind."""
    items = campaign.items.filter(kind=kind)
    return set(items.values_list("word_map__word__part_of_speech", flat=True))


def test_words_become_rating_items_and_punctuation_becomes_attention_checks(owner: User) -> None:
    campaign = factories.make_draft(owner)
    assert parts(campaign, ItemKind.RATING) == {"DET", "ADJ", "NOUN", "ADP"}
    assert parts(campaign, ItemKind.ATTENTION) == {"PUNCT"}
    assert campaign.items.count() == WordMap.objects.count()
    check = Item.objects.filter(kind=ItemKind.ATTENTION).first()
    assert check is not None
    assert check.accepted_answers == ["word_too_abstract", "image_too_poor"]


def test_only_the_chosen_parts_of_speech_are_rated_and_at_most_as_many_as_wanted(owner: User) -> None:
    run = factories.make_finished_run(owner)
    nouns = factories.make_draft(run=run, parts_of_speech=("NOUN", "PUNCT"))
    assert parts(nouns, ItemKind.RATING) == {"NOUN"}
    few = factories.make_draft(run=run, items_limit=3)
    assert few.items.filter(kind=ItemKind.RATING).count() == 3


def test_filtered_images_and_words_past_the_context_window_are_not_rated(owner: User) -> None:
    run = factories.make_finished_run(owner, verdict=SafetyVerdict.FILTERED)
    assert not factories.make_draft(run=run).items.exists()
    run = factories.make_finished_run(owner)
    unseen = WordMap.objects.filter(image__run=run, word__text="ball")
    assert unseen.update(seen_by_model=False, peak=None) == 1
    assert not factories.make_draft(run=run).items.filter(word_map__in=unseen).exists()


def test_the_order_of_items_follows_from_the_seed(owner: User) -> None:
    run = factories.make_finished_run(owner)

    def order(seed: int) -> list[int]:
        draft = factories.make_draft(run=run, order_seed=seed)
        return list(draft.items.order_by("position").values_list("word_map_id", flat=True))

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_somebody_elses_run_can_not_be_used(owner: User, stranger: User) -> None:
    """Control: take the run by its number alone, and the stranger's campaign shows the owner's images."""
    run = factories.make_finished_run(owner)
    with pytest.raises(Run.DoesNotExist):
        campaigns.create_campaign(stranger, factories.make_spec(run))


def test_an_edited_draft_has_the_new_values_and_items(owner: User) -> None:
    draft = factories.make_draft(owner)
    spec = factories.make_spec(draft.run, title="Another title", parts_of_speech=("ADJ",))
    changed = campaigns.update_draft(draft, spec, actor=owner)
    assert changed.title == "Another title"
    assert parts(changed, ItemKind.RATING) == {"ADJ"}
    entry = AuditEntry.objects.filter(act="edit").get()
    assert "title" in entry.detail["changed"]
    assert "question" not in entry.detail["changed"]


def test_opening_makes_k_numbered_slots_for_each_rating_item_in_rounds(owner: User) -> None:
    campaign = factories.make_open_campaign(owner, raters_per_item=3)
    items = campaign.items.filter(kind=ItemKind.RATING)
    slots = list(Slot.objects.order_by("order"))
    assert len(slots) == 3 * items.count()
    assert {slot.state for slot in slots} == {SlotState.FREE}
    rounds = [slots[start : start + items.count()] for start in range(0, len(slots), items.count())]
    assert [{slot.number for slot in one} for one in rounds] == [{1}, {2}, {3}]
    assert all({slot.item_id for slot in one} == {item.pk for item in items} for one in rounds)
    assert len({tuple(slot.item_id for slot in one) for one in rounds}) == 3


def test_no_slot_is_lost_where_many_are_written_in_portions(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: portions cut with `zip(slots, range(n))` swallow one slot each."""
    monkeypatch.setattr(openings, "ROWS_AT_ONCE", 5)
    campaign = factories.make_open_campaign(owner, raters_per_item=3)
    items = campaign.items.filter(kind=ItemKind.RATING).count()
    assert items > 5
    assert Slot.objects.count() == 3 * items


def test_opening_freezes_what_raters_see_word_for_word(owner: User) -> None:
    campaign = factories.make_open_campaign(owner)
    version = CampaignVersion.objects.get()
    assert version.wording["question"] == campaign.question
    assert [option["code"] for option in version.wording["options"]][-1] == "image_too_poor"
    assert version.ratings_wanted == Slot.objects.count()
    twin = factories.make_open_campaign(run=campaign.run)
    other = factories.make_open_campaign(run=campaign.run, question="Another question?")
    assert twin.versions.get().wording_sha256 == version.wording_sha256
    assert other.versions.get().wording_sha256 != version.wording_sha256


def test_an_open_campaign_can_not_be_edited(owner: User) -> None:
    """Control: update without the state in the condition, and answers of one version show two wordings."""
    campaign = factories.make_open_campaign(owner)
    with pytest.raises(CampaignMoved):
        campaigns.update_draft(campaign, factories.make_spec(campaign.run, title="Late idea"))
    campaign.refresh_from_db()
    assert campaign.title == "Words and images"


def test_a_draft_with_everything_in_place_has_no_obstacle(owner: User) -> None:
    assert campaigns.opening_obstacles(factories.make_draft(owner)) == []


@pytest.mark.parametrize(
    "field", ["title", "question", "instructions", "consent_text", "contact", "completion_code"]
)
def test_a_missing_text_is_an_obstacle(owner: User, field: str) -> None:
    obstacles = campaigns.opening_obstacles(factories.make_draft(owner, run=None, **{field: " "}))
    assert len(obstacles) == 1
    assert field.replace("_", " ") in obstacles[0]


def test_all_obstacles_are_named_at_once_and_nothing_is_opened(owner: User) -> None:
    """Control: open without asking for obstacles, and a study runs without its attention checks."""
    draft = factories.make_draft(
        owner, run=factories.make_finished_run(owner, prompts=["a red ball"]), checks_per_rater=2, title=""
    )
    Image.objects.update(state=ImageState.READY, file="", maps_file="", generated_at=None)
    with pytest.raises(OpeningRefused) as refused:
        campaigns.open_campaign(draft, owner)
    assert len(refused.value.obstacles) == 4
    draft.refresh_from_db()
    assert draft.state == CampaignState.DRAFT
    assert not Slot.objects.exists()
    assert not CampaignVersion.objects.exists()


def test_checks_that_can_all_be_wrong_are_an_obstacle(owner: User) -> None:
    draft = factories.make_draft(owner, checks_per_rater=2, checks_allowed_wrong=2)
    assert "nobody can fail" in campaigns.opening_obstacles(draft)[0]


def test_a_missing_picture_is_an_obstacle(owner: User) -> None:
    draft = factories.make_draft(owner)
    image = Image.objects.filter(run=draft.run).first()
    assert image is not None
    Path(storage.image_path(image)).unlink()
    assert "files of 1 image" in campaigns.opening_obstacles(draft)[0]


def test_a_campaign_opens_once(owner: User) -> None:
    draft = factories.make_draft(owner)
    campaigns.open_campaign(draft, owner)
    slots = Slot.objects.count()
    with pytest.raises(CampaignMoved):
        campaigns.open_campaign(draft, owner)
    assert Slot.objects.count() == slots


def test_moves_that_are_not_possible_say_so_and_change_nothing(owner: User) -> None:
    campaign = factories.make_draft(owner)
    for move in (campaigns.pause, campaigns.resume, campaigns.close):
        with pytest.raises(CampaignMoved):
            move(campaign, owner)
    campaigns.open_campaign(campaign, owner)
    with pytest.raises(CampaignMoved):
        campaigns.resume(campaign, owner)
    campaigns.close(campaign, owner)
    for move in (campaigns.pause, campaigns.resume, campaigns.close):
        with pytest.raises(CampaignMoved):
            move(campaign, owner)


def test_every_act_is_in_the_audit_trail_with_its_actor(owner: User) -> None:
    campaign = factories.make_open_campaign(owner)
    campaigns.pause(campaign, owner)
    campaigns.resume(campaign, owner)
    campaigns.close(campaign, owner)
    entries = AuditEntry.objects.order_by("pk").values_list("act", "actor__username")
    assert list(entries) == [(act, "owner") for act in ("create", "open", "pause", "resume", "close")]


def test_a_researcher_sees_her_own_campaigns_only(owner: User, stranger: User, admin: User) -> None:
    campaign = factories.make_draft(owner)
    assert Campaign.objects.visible_to(owner).get() == campaign
    assert not Campaign.objects.visible_to(stranger).exists()
    assert Campaign.objects.visible_to(admin).exists()
