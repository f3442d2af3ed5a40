"""By the API as on the pages: drafts tried, raters decided about, items adjudicated, links made."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState, TaskKind
from annotation.models import Adjudication, Answer, AuditEntry, Campaign, PaymentDecision, Rater, Slot
from annotation.services import payment_lists
from annotation.services.tasks_for_raters import Task, next_task
from generation.choices import TokenScope
from tests import factories
from tests.program import Program, errors

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(owner: User) -> Program:
    return Program(owner)


def rows() -> tuple[int, ...]:
    """How many rows a campaign, its items and its history have."""
    return tuple(table.objects.count() for table in (Campaign, Slot, AuditEntry, Answer))


def test_a_specification_is_tried_and_nothing_is_kept(program: Program, owner: User) -> None:
    """Control: leave the roll-back out."""
    run = factories.make_finished_run(owner)
    before = rows()
    values = {
        "run": run.pk,
        "contact": "Us",
        "checks_per_rater": 0,
        "raters_per_item": 2,
        "share_cap_percent": 100,
    }
    trial = program.post("/campaigns/try", values).json()
    assert (trial["obstacles"], trial["comparison_notes"]) == ([], [])
    assert trial["effort"]["ratings"] == 2 * trial["items"]["rating"] > 0
    assert trial["specification"]["question"]
    refused = program.post("/campaigns/try", values | {"raters_per_item": 0, "colour": 1})
    assert "colour" in errors(refused, status=400)
    assert rows() == before
    made = program.post("/campaigns", trial["specification"])
    assert made.status_code == 201
    assert Campaign.objects.get().items.count() == sum(trial["items"].values())


def test_a_draft_is_changed_and_what_is_not_given_stays(program: Program, owner: User) -> None:
    """Control: start the form with a new campaign's values instead of the draft's."""
    draft = factories.make_draft(owner, items_limit=3, question="Is it so?")
    path = f"/campaigns/{draft.public_id}/specification"
    changed = program.post(path, {"raters_per_item": 5, "items_limit": None})
    assert changed.json()["raters_per_item"] == 5
    draft.refresh_from_db()
    assert (draft.question, draft.items_limit) == ("Is it so?", None)
    assert draft.items.filter(kind="rating").count() > 3
    known = factories.known_for(draft)[0]
    marked = program.post(path, {"known_answers": [{"word_map": known.word_map, "accepted": ["1"]}]})
    assert marked.status_code == 200, marked.json()
    draft.refresh_from_db()
    assert len(draft.known_answers) == 1
    assert program.post(path, {"known_answers": []}).status_code == 200
    draft.refresh_from_db()
    assert draft.known_answers == []
    said = errors(program.post(path, {"run": 0, "task_kind": "mask"}), status=400)
    assert set(said) == {"run", "task_kind"}
    assert "name" in errors(program.post(path, {"name": None}), status=400)
    assert program.post(f"/campaigns/{draft.public_id}/open").status_code == 200
    assert errors(program.post(path, {"raters_per_item": 6}), status=409)


def test_a_campaign_is_cloned_whatever_its_state(program: Program, owner: User) -> None:
    campaign = factories.make_open_campaign(owner, raters_per_item=2, question="Is it so?")
    made = program.post(f"/campaigns/{campaign.public_id}/clone", {"raters_per_item": 4})
    assert (made.status_code, made.json()["state"]) == (201, CampaignState.DRAFT)
    copy = Campaign.objects.get(public_id=made.json()["id"])
    assert (copy.raters_per_item, copy.question) == (4, "Is it so?")
    assert copy.name == f"{campaign.name}, again"
    assert "colour" in errors(
        program.post(f"/campaigns/{campaign.public_id}/clone", {"colour": "red"}), status=400
    )


def worked(campaign: Campaign, option: str = "4") -> Rater:
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, option)
    rater.refresh_from_db()
    return rater


def test_raters_are_left_out_taken_back_and_their_places_given(program: Program, owner: User) -> None:
    """Control: give the places without asking whether she is excluded; include after that."""
    campaign = factories.make_open_campaign(owner, raters_per_item=1)
    rater = worked(campaign)
    path = f"/campaigns/{campaign.public_id}/raters/{rater.pseudonym}"
    found = program.get(path).json()
    assert (found["counts"], found["decision"], found["grounds"]) == (True, None, [])
    assert errors(program.post(f"{path}/refill"), status=409)
    assert "reason" in errors(program.post(f"{path}/exclude", {"reason": " "}), status=400)
    out = program.post(f"{path}/exclude", {"reason": "guessed"}).json()
    assert (out["counts"], out["excluded"], out["exclusion_reason"]) == (False, True, "guessed")
    assert program.post(f"{path}/include").json()["counts"] is True
    program.post(f"{path}/exclude", {"reason": "guessed"})
    assert program.post(f"{path}/refill").json() == {"places": found["answers"]}
    assert program.post(f"{path}/refill").json() == {"places": 0}
    assert errors(program.post(f"{path}/include"), status=409)
    assert program.post(f"{path}/forget").json() == {"forgotten": True}
    assert program.post(f"{path}/forget").json() == {"forgotten": False}
    assert errors(program.get(f"{path}x"), status=404)


def test_pay_is_decided_and_a_rejection_rests_on_what_is_stored(program: Program, owner: User) -> None:
    """Control: give the form every ground there is."""
    campaign = factories.make_campaign_of(
        3, checks=2, checks_per_rater=2, owner=owner, raters_per_item=2, seconds_per_item=1
    )
    careful, careless = worked(campaign, "word_too_abstract"), worked(campaign, "4")
    path = f"/campaigns/{campaign.public_id}"
    waiting = program.get(f"{path}/raters", shelf="waiting").json()
    assert [row["rater"] for row in waiting] == [careful.pseudonym, careless.pseudonym]
    assert [row["grounds"] for row in waiting] == [[], ["failed_checks"]]
    good, bad = (f"{path}/raters/{rater.pseudonym}" for rater in (careful, careless))
    why = {"ground": "failed_checks", "reason": "Two of two checks wrong."}
    said = errors(program.post(f"{good}/reject-and-republish", why), status=400)
    assert "none" in said["ground"]
    assert not PaymentDecision.objects.exists()
    done = program.post(f"{bad}/reject-and-republish", why).json()
    assert (done["decision"]["verdict"], done["excluded"]) == ("rejected", True)
    assert Slot.objects.filter(campaign=campaign, number__isnull=False, state="free").count() == 3
    assert errors(program.post(f"{bad}/reject", why), status=409)
    listed = [careful.pseudonym, careless.pseudonym, "nobody"]
    many = program.post(f"{path}/approvals", {"raters": listed}).json()
    assert "was rejected" in many["refused"].pop(careless.pseudonym)
    assert many == {"approved": [careful.pseudonym], "refused": {"nobody": "There is no such rater."}}
    over = program.post(f"{bad}/approve", {"reason": "She wrote and explained."}).json()
    assert over["decision"]["verdict"] == "approved"
    assert program.get(f"{path}/raters", shelf="approved").json()[0]["rater"] == careful.pseudonym
    assert "shelf" in errors(program.get(f"{path}/raters", shelf="best"), status=400)


def test_a_decision_about_pay_is_taken_back_and_an_approval_that_left_is_not(
    program: Program, owner: User
) -> None:
    """Control: leave the question after `handed_out_at` out of `take_back`."""
    campaign = factories.make_campaign_of(1, owner=owner)
    rater = worked(campaign, "4")
    path = f"/campaigns/{campaign.public_id}/raters/{rater.pseudonym}"
    assert program.post(f"{path}/approve", {}).json()["decision"]["handed_out_at"] is None
    assert program.post(f"{path}/take-back", {"reason": "the wrong one"}).json()["decision"] is None
    assert program.post(f"{path}/take-back", {}).json()["decision"] is None
    assert AuditEntry.objects.get(act="take_back_payment").detail["reason"] == "the wrong one"
    program.post(f"{path}/approve", {})
    payment_lists.download(campaign, owner)
    assert "money may be on its way" in errors(program.post(f"{path}/take-back", {}), status=409)[""]
    assert program.get(path).json()["decision"]["handed_out_at"]


def test_a_republication_that_can_not_end_has_not_begun(program: Program, owner: User) -> None:
    """A closed campaign has nobody to fill the places. Control: the three acts without a transaction."""
    campaign = factories.make_campaign_of(
        3, checks=2, checks_per_rater=2, owner=owner, raters_per_item=1, seconds_per_item=1
    )
    careless = worked(campaign, "4")
    program.post(f"/campaigns/{campaign.public_id}/close")
    path = f"/campaigns/{campaign.public_id}/raters/{careless.pseudonym}/reject-and-republish"
    assert errors(program.post(path, {"ground": "failed_checks", "reason": "Wrong."}), status=409)
    careless.refresh_from_db()
    assert careless.excluded_at is None
    assert not PaymentDecision.objects.exists()


def test_a_rater_is_found_by_what_she_calls_herself(program: Program, owner: User) -> None:
    campaign = factories.make_open_campaign(owner)
    rater = factories.make_rater(campaign, "5f3e1c")
    path = f"/campaigns/{campaign.public_id}/raters/find"
    assert program.post(path, {"name": "5f3e1c"}).json()["rater"] == rater.pseudonym
    assert "name" in errors(program.post(path, {"name": "nobody"}), status=404)


@pytest.mark.parametrize("name", ["%00", "0%00", "nobody", "１"])
def test_a_name_that_nobody_has_is_not_found(program: Program, owner: User, name: str) -> None:
    """Control: look for a name with a null character: PostgreSQL refuses it, and the answer is a 500."""
    path = f"/campaigns/{factories.make_open_campaign(owner).public_id}/raters/{name}"
    assert errors(program.get(path), status=404)
    assert errors(program.post(f"{path}/include"), status=404)


def test_personal_links_are_made_listed_and_say_who_came(program: Program, owner: User) -> None:
    """Control: number the links from 0: the last one opens nothing."""
    campaign = factories.make_open_campaign(owner, plain_link=False)
    path = f"/campaigns/{campaign.public_id}"
    made = program.post(f"{path}/invitations", {"invitations": 2}).json()
    assert [link["number"] for link in made] == [1, 2]
    assert program.post(f"{path}/invitations", {"invitations": 2}).json() == []
    assert errors(program.post(f"{path}/invitations", {"invitations": 1}), status=400)
    more = program.post(f"{path}/invitations", {"invitations": 3}).json()
    assert [link["number"] for link in more] == [3]
    assert program.client.get(more[0]["address"], follow=True).status_code == 200
    listed = program.get(f"{path}/invitations").json()
    assert [bool(link["rater"]) for link in listed] == [False, False, True]
    assert listed[2]["rater"] == Rater.objects.get().pseudonym
    assert [link["number"] for link in program.get(f"{path}/invitations", offset=2).json()] == [3]
    recruitment = program.get(f"{path}/recruitment").json()
    assert (recruitment["plain_link"], recruitment["personal_links"]) == (False, 3)
    assert "link" not in [link["platform"] for link in recruitment["links"]]
    assert recruitment["endings"][0]["code"] == "DONE1234"


ANSWERS: dict[TaskKind, tuple[Any, dict[str, Any]]] = {
    TaskKind.OPINION_SCORE: ({"option": "6"}, {"option": "4"}),
    TaskKind.PAIRWISE: ({"option": "first"}, {"option": "left"}),
    TaskKind.MASK: ({"option": "4"}, {"option": "not_in_image"}),
    TaskKind.OBJECT_PRESENCE: ({"words": None}, {"words": []}),
}


@pytest.mark.parametrize("kind", TaskKind)
def test_items_are_adjudicated_in_every_kind(program: Program, owner: User, kind: TaskKind) -> None:
    """Control: take the words of the form's field for a single one."""
    campaign = factories.make_campaign_of_kind(kind, owner=owner, raters_per_item=2)
    for _ in range(2):
        worked(campaign)
    item = campaign.items.filter(kind="rating").order_by("pk")[0]
    path = f"/campaigns/{campaign.public_id}/adjudication"
    shown = program.get(f"{path}/{item.pk}").json()
    assert [row["letter"] for row in shown["answers"]] == ["A", "B"]
    assert not {rater.pseudonym for rater in Rater.objects.all()} & set(str(shown).split("'"))
    wrong, right = ANSWERS[kind]
    assert errors(program.post(f"{path}/{item.pk}", wrong), status=400)
    made = program.post(f"{path}/{item.pk}", right | {"note": "As the guide says."})
    assert (made.status_code, made.json()["actor"], made.json()["note"]) == (
        201,
        "owner",
        "As the guide says.",
    )
    assert errors(program.post(f"{path}/{item.pk}", right), status=409)
    assert program.get(f"{path}/done").json()[0]["item"] == item.pk
    assert program.post(f"{path}/{item.pk}/undo").json()["undone_at"]
    assert errors(program.post(f"{path}/{item.pk}/undo"), status=409)
    assert program.get(f"{path}/{item.pk}").json()["standing"] is None
    assert Adjudication.objects.count() == 1


def test_what_raters_disagree_on_waits_and_looking_up_whose_it_is_is_recorded(
    program: Program, owner: User
) -> None:
    campaign = factories.make_open_campaign(owner, raters_per_item=2, items_limit=2)
    for options in (["1", "3"], ["5", "3"]):
        rater = factories.make_rater(campaign)
        items = campaign.items.filter(kind="rating").order_by("pk").values_list("pk", flat=True)
        by_item = dict(zip(items, options, strict=True))
        while isinstance(task := next_task(rater), Task):
            factories.answer(rater, task, by_item[Slot.objects.get(pk=task.slot_id).item_id])
    path = f"/campaigns/{campaign.public_id}/adjudication"
    [waiting] = program.get(path).json()
    assert waiting["answers"] == 2
    assert "from_percent" in errors(program.get(path, from_percent=0), status=400)
    names = {row["rater"] for row in program.post(f"{path}/{waiting['item']}/raters").json()}
    assert names == set(Rater.objects.values_list("pseudonym", flat=True))
    assert AuditEntry.objects.filter(act="open_identities", actor=owner).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_is_started_worked_at_and_thrown_away(program: Program, owner: User) -> None:
    """Control: discard without asking whether one was started."""
    draft = factories.make_draft(owner, items_limit=2, raters_per_item=1)
    path = f"/campaigns/{draft.public_id}/dry-run"
    assert program.get(path).json()["campaign"] is None
    assert errors(program.post(f"{path}/advance"), status=409)
    assert errors(program.post(f"{path}/discard"), status=409)
    started = program.post(path)
    assert (started.status_code, started.json()["places"]) == (201, 2)
    for _ in range(20):
        state = program.post(f"{path}/advance").json()
        if state["finished"]:
            break
    assert (state["finished"], state["answered"]) == (True, 2)
    assert program.get(path).json() == state
    assert program.get(f"/campaigns/{state['campaign']}/results").json()["answers"] == 2
    assert program.post(f"{path}/discard").json()["campaign"] is None
    assert list(Campaign.objects.all()) == [draft]
    bad = factories.make_draft(owner, checks_per_rater=9)
    assert errors(program.post(f"/campaigns/{bad.public_id}/dry-run"), status=400)


@pytest.mark.parametrize("wanted", [1, 2])
def test_fewer_raters_per_item_are_refused_with_the_reason(
    program: Program, owner: User, wanted: int
) -> None:
    """Places that raters have filled can't be taken away, and a rule that was frozen is not undone. By page
    and API; nothing changes. Control: let `extend` take any number.
    """
    campaign = factories.make_open_campaign(owner, raters_per_item=2)
    worked(campaign)
    before = rows()
    path = f"/campaigns/{campaign.public_id}/extend"
    said = errors(program.post(path, {"raters_per_item": wanted}), status=400)
    assert "can't be taken away" in said["raters_per_item"]
    browser = Client()
    browser.force_login(owner)
    url = reverse("annotation:campaign_extend", args=[campaign.public_id])
    page = browser.post(url, {"raters_per_item": wanted})
    assert (page.status_code, "Give at least 3" in page.content.decode()) == (400, True)
    assert rows() == before
    campaign.refresh_from_db()
    assert (campaign.raters_per_item, campaign.versions.count()) == (2, 1)


def test_review_and_pay_have_scopes_of_their_own_and_the_refusal_names_them(owner: User) -> None:
    """Control: `TokenScope.CAMPAIGNS` for either, or one of the two for `reject-and-republish`."""
    campaign = factories.make_open_campaign(owner)
    rater = factories.make_rater(campaign)
    path = f"/campaigns/{campaign.public_id}/raters/{rater.pseudonym}"
    reviewer = Program(owner, TokenScope.REVIEW, TokenScope.CAMPAIGNS)
    payer = Program(owner, TokenScope.PAY, TokenScope.CAMPAIGNS)
    no_ground = {"ground": "unfinished", "reason": "left"}
    assert "'pay'" in errors(reviewer.post(f"{path}/approve", {}), status=403)[""]
    assert "'pay'" in errors(reviewer.post(f"{path}/reject-and-republish", no_ground), status=403)[""]
    assert "'review'" in errors(payer.post(f"{path}/exclude", {"reason": "guessed"}), status=403)[""]
    assert "'review'" in errors(payer.post(f"{path}/reject-and-republish", no_ground), status=403)[""]
    rater.refresh_from_db()
    assert rater.excluded_at is None
    assert not PaymentDecision.objects.exists()
    assert reviewer.post(f"{path}/exclude", {"reason": "guessed"}).status_code == 200
    approvals = f"/campaigns/{campaign.public_id}/approvals"
    assert payer.post(approvals, {"raters": ["nobody"]}).json()["approved"] == []


def test_what_a_decision_answers_holds_no_evidence(owner: User) -> None:
    """A rater's checks, times and agreement are for tokens with `results`. Control: answer with RaterOut."""
    campaign = factories.make_open_campaign(owner)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater)
    path = f"/campaigns/{campaign.public_id}/raters"
    reviewer, payer = Program(owner, TokenScope.REVIEW), Program(owner, TokenScope.PAY)
    told = [
        payer.post(f"{path}/{rater.pseudonym}/approve", {}),
        reviewer.post(f"{path}/find", {"name": rater.pseudonym}),
        reviewer.post(f"{path}/{rater.pseudonym}/exclude", {"reason": "guessed"}),
        reviewer.post(f"{path}/{rater.pseudonym}/include", {}),
    ]
    evidence = set(Program(owner, TokenScope.RESULTS).get(f"{path}/{rater.pseudonym}").json())
    assert "checks" in evidence
    for answer in told:
        assert answer.status_code == 200
        assert answer.json()["rater"] == rater.pseudonym
        assert not {"checks", "agreement", "flags", "median_seconds", "practice"} & set(answer.json())
