"""The rater's pages for the campaign's researcher: the same templates, and nothing is saved.

No rater, lease or answer is made: an answer only moves on to the campaign's next item.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.db.models import Case, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation.choices import OPTION_BY_CODE, Choice, ItemKind
from annotation.contents import AnswerContent, fits, option_content
from annotation.forms.answers import CHECKED, DRAWN, NONE_OF_THESE
from annotation.models import Campaign, Item
from annotation.practice import KINDS
from annotation.services.practice import feedback
from annotation.verdicts import Given
from annotation.views import pictures
from annotation.views.endings import BY_NAME, taken_along
from annotation.views.entry import session_size, wording
from annotation.views.feedback import feedback_context, feedback_pictures
from annotation.views.kinds import kind_of, picture_names
from annotation.views.media import png
from annotation.views.pictures import shown_by
from annotation.views.practice import round_name
from annotation.views.rater_outcomes import LATE, NO_ITEMS
from annotation.views.rater_pages import page, reply, see_other, wants_json
from annotation.views.rater_screens import TaskScreen, cut_prompt, time_left
from annotation.views.scope import campaign_to_read

LONGEST_NUMBER: Final = 9
ROLES: Final = {
    ItemKind.RATING: "",
    ItemKind.ATTENTION: "attention check (raters can't tell)",
    ItemKind.TRAINING: "training",
    ItemKind.QUALIFICATION: "qualification",
}
# Raters meet the practice first.
IN_ORDER: Final = (
    Case(
        When(kind=ItemKind.TRAINING, then=Value(0)),
        When(kind=ItemKind.QUALIFICATION, then=Value(1)),
        default=Value(2),
    ),
    "position",
    "pk",
)
ANY_KEY: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Link:
    """One way on from a preview page."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class Banner:
    """What tells a researcher where in the preview she is.

    number: 0 on pages without an item.  role: what the item is besides a question; empty for none.
    """

    number: int
    total: int
    role: str
    links: tuple[Link, ...]


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, public_id: str) -> HttpResponse:
    """One of the rater's pages: ?page=consent, instructions, feedback or end, else the task of ?item=N."""
    campaign = campaign_to_read(request, public_id)
    with translation.override(campaign.language):
        return _preview(request, campaign)


def _preview(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    total = campaign.items.count()
    step = request.GET.get("page", "")
    if step == "consent" and request.method == "POST":
        agreed = request.POST.get("consent") == "agree"
        return see_other(_address(campaign, page="instructions" if agreed else "end"))
    if step in ("consent", "instructions"):
        return _text_page(request, campaign, step=step, total=total)
    if step == "end" or total == 0:
        return _end_page(campaign, total=total, ending=request.GET.get("ending", ""))
    number = _number(request.GET.get("item", "1"), total=total)
    if step == "feedback":
        return _feedback_page(campaign, number=number, total=total, answer=request.GET)
    if request.method == "POST":
        return _move(request, campaign, number=number, total=total)
    return page(kind_of(campaign).template, _task_context(request, campaign, number=number, total=total))


@login_required
@require_GET
def picture(request: HttpRequest, public_id: str, item_id: int, name: str) -> HttpResponse:
    """One picture of one of the researcher's own items; the first of a pair lies left."""
    item = _item(request, public_id, item_id=item_id)
    try:
        if name in (pictures.DRAWN, pictures.EXPECTED) and item.image and item.reference_rle:
            content: bytes | None = pictures.masked_png(item.image, item.reference_rle)
        else:
            content = pictures.picture(item, name=name, swapped=False)
    except pictures.UNREADABLE as fault:
        raise Http404(str(fault)) from fault
    if content is None:
        raise Http404
    return _for_the_session(png(content))


def _move(request: HttpRequest, campaign: Campaign, *, number: int, total: int) -> HttpResponse:
    """To the item before after an undo, to the next one after an answer, at last to the end."""
    back = request.GET.get("move") == "back"
    if not back and _nth(campaign, number=number).kind == ItemKind.TRAINING:
        words = "-".join(
            sorted(name.removeprefix("word.") for name in request.POST if name.startswith("word."))
        )
        answer = {"option": request.POST.get("option", "")} | ({"words": words} if words else {})
        told = _address(campaign, page="feedback", item=number, **answer)
        return reply("preview", location=told) if wants_json(request) else see_other(told)
    target = max(1, number - 1) if back else number + 1
    address = _address(campaign, item=target) if target <= total else _address(campaign, page="end")
    return reply("preview", location=address) if wants_json(request) else see_other(address)


def _task_context(request: HttpRequest, campaign: Campaign, *, number: int, total: int) -> dict[str, Any]:
    item = _nth(campaign, number=number)
    return (
        wording(campaign)
        | kind_of(campaign).context(campaign, "preview")
        | {
            "script": kind_of(campaign).script,
            "screen": _screen(campaign, number=number),
            "preview": _banner(
                campaign,
                current="task",
                number=number,
                total=total,
                role=ROLES[ItemKind(item.kind)],
            ),
            "csrf_token": get_token(request),
            "answer_url": _address(campaign, item=number),
            "undo_url": _address(campaign, item=number, move="back"),
            "instructions_url": _address(campaign, page="instructions"),
            "stop_url": _address(campaign, page="end"),
        }
    )


def _screen(campaign: Campaign, *, number: int) -> TaskScreen:
    """The item as a rater would meet it: counted within one session, not among all items of the campaign."""
    item = _nth(campaign, number=number)
    session = session_size(campaign)["tasks_total"]
    place = min(number, session)
    shown = shown_by(item)
    prompt = shown.prompt if kind_of(campaign).shows_prompt else ""
    before, text, after = cut_prompt(prompt, word=shown.word)
    return TaskScreen(
        slot=ANY_KEY,
        idempotency_key=ANY_KEY,
        question=item.instruction or campaign.question,
        before=before,
        word=text,
        after=after,
        pictures=_pictures(campaign, item),
        round_name=round_name(item) if item.kind in KINDS else "",
        width=shown.image_hw[1],
        height=shown.image_hw[0],
        place=place,
        places_total=session,
        time_left=time_left((session - place + 1) * campaign.seconds_per_item),
        can_undo=number > 1,
    )


def _text_page(request: HttpRequest, campaign: Campaign, *, step: str, total: int) -> HttpResponse:
    context = wording(campaign) | session_size(campaign)
    context |= {
        "preview": _banner(campaign, current=step, total=total),
        "csrf_token": get_token(request),
        "consent_url": _address(campaign, page="consent"),
        "continue_url": reverse("annotation:preview", args=[campaign.public_id]),
    }
    return page(f"rate/{step}.html", context)


def _feedback_page(campaign: Campaign, *, number: int, total: int, answer: Mapping[str, str]) -> HttpResponse:
    """What a rater reads after this answer to a training item."""
    item = _nth(campaign, number=number)
    given = _given(campaign, item, answer)
    if item.kind != ItemKind.TRAINING or given is None:
        raise Http404
    told = feedback(item, given)
    after: dict[str, str | int] = {"item": number + 1} if number < total else {"page": "end"}
    role = ROLES[ItemKind.TRAINING]
    addresses = _pictures(campaign, item, *feedback_pictures(told))
    context = feedback_context(campaign, told, addresses=addresses) | {
        "preview": _banner(campaign, current="task", number=number, total=total, role=role),
        "continue_fields": after.items(),
        "continue_url": reverse("annotation:preview", args=[campaign.public_id]),
    }
    return page("rate/feedback.html", context)


def _given(campaign: Campaign, item: Item, answer: Mapping[str, str]) -> Given | None:
    """The answer that an address names. Nothing is sent to a preview, so any drawing is the expected one."""
    option, vocabulary = answer.get("option", ""), campaign.vocabulary
    if option == DRAWN:
        return Given(rle=item.reference_rle) if item.reference_rle else None
    if option in (CHECKED, NONE_OF_THESE):
        places = [place for place in answer.get("words", "").split("-") if place]
        if not all(place.isascii() and place.isdigit() and int(place) < len(vocabulary) for place in places):
            return None
        content = AnswerContent(words=tuple(vocabulary[int(place)] for place in places))
    elif option in (*OPTION_BY_CODE, *Choice.values):
        content = option_content(option)
    else:
        return None
    score_of = campaign.score_of
    if not fits(content, task_kind=campaign.task_kind, vocabulary=tuple(vocabulary), score_of=score_of):
        return None
    return Given(score=content.score, opt_out=content.opt_out, words=content.words, choice=content.choice)


def _pictures(campaign: Campaign, item: Item, *more: str) -> dict[str, str]:
    """The addresses of an item's pictures by their names."""
    return {
        name: reverse("annotation:preview_picture", args=[campaign.public_id, item.pk, name])
        for name in (*picture_names(campaign), *more)
    }


def _end_page(campaign: Campaign, *, total: int, ending: str) -> HttpResponse:
    """One of the endings, with the code and the address that a rater would take along."""
    found = BY_NAME.get(ending or "finished")
    if found is None:
        raise Http404
    code, address = taken_along(campaign, found)
    context = wording(campaign) | {"preview": _banner(campaign, current="end", total=total)}
    context |= {"outcome": found.outcome, "code": code, "back_url": address}
    if found.outcome is LATE:
        go_on = reverse("annotation:preview", args=[campaign.public_id])
        context |= {"action_url": go_on, "action_label": _("Go on")}
    if total == 0:
        context |= {"outcome": NO_ITEMS, "code": "", "back_url": "", "action_url": ""}
    return page("rate/end.html", context)


def _banner(campaign: Campaign, *, current: str, total: int, number: int = 0, role: str = "") -> Banner:
    links = [
        Link(label=label, url=_address(campaign, **query), current=current == step)
        for label, step, query in (
            ("Consent", "consent", {"page": "consent"}),
            ("Instructions", "instructions", {"page": "instructions"}),
            ("Questions", "task", {"item": number or 1}),
            ("End", "end", {"page": "end"}),
        )
    ]
    home = reverse("annotation:campaign", args=[campaign.public_id])
    links.append(Link(label="Back to the campaign", url=home, current=False))
    return Banner(number=number, total=total, role=role, links=tuple(links))


def _number(text: str, *, total: int) -> int:
    """The item's number as the address names it. Raises Http404 for what is no item of the campaign."""
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise Http404
    if not 1 <= int(text) <= total:
        raise Http404
    return int(text)


def _nth(campaign: Campaign, *, number: int) -> Item:
    return _items(campaign).order_by(*IN_ORDER)[number - 1]


def _item(request: HttpRequest, public_id: str, *, item_id: int) -> Item:
    campaign = campaign_to_read(request, public_id)
    if item_id >= 2**63:
        raise Http404
    return get_object_or_404(_items(campaign), pk=item_id)


def _items(campaign: Campaign) -> QuerySet[Item]:
    return campaign.items.select_related("word_map__word__prompt", "image__prompt", "word", *pictures.RELATED)


def _address(campaign: Campaign, **query: str | int) -> str:
    return f"{reverse('annotation:preview', args=[campaign.public_id])}?{urlencode(query)}"


def _for_the_session(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, max-age=600"
    return response
