"""The queue of items that raters disagree on, one item with its answers side by side, and the decision."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotation import adjudication_queue as queue
from annotation.choices import OPTION_BY_CODE, Choice, ItemKind, TaskKind
from annotation.disagreement import MEANING, disagreement
from annotation.forms.adjudicating import offered, read_adjudication
from annotation.models import Adjudication, Answer, Campaign, Item
from annotation.services import adjudications as service
from annotation.verdicts import Given
from annotation.views import pictures
from annotation.views.kinds import picture_names
from annotation.views.media import png
from annotation.views.pictures import shown_by
from annotation.views.rater_screens import cut_prompt
from annotation.views.scope import campaign_of, can_edit, user_of

ON_A_PAGE = 50
_PATHS = ("word_map__word__prompt", "image__prompt", "word__prompt", *pictures.RELATED)


@login_required
@never_cache
@require_GET
def adjudication(request: HttpRequest, public_id: str) -> HttpResponse:
    """The queue, or with ?shelf=done what was adjudicated. ?from=N asks from another disagreement on."""
    found = campaign_of(request, public_id)
    from_percent = _percent(request.GET.get("from", ""), usual=queue.threshold_percent(found))
    done = request.GET.get("shelf") == "done"
    waiting = queue.waiting(found, from_percent=from_percent)
    made = queue.standing_adjudications(found)
    page = Paginator(made if done else waiting, ON_A_PAGE).get_page(request.GET.get("page"))
    items = Item.objects.select_related(*_PATHS).in_bulk([row.item_id for row in page.object_list])
    context = {
        "section": "campaigns",
        "campaign": found,
        "from_percent": from_percent,
        "meaning": MEANING[TaskKind(found.task_kind)],
        "done": done,
        "n_waiting": len(waiting),
        "n_done": made.count(),
        "page": page,
        "rows": [(row, shown_by(items[row.item_id]), _word(items[row.item_id])) for row in page.object_list],
    }
    return render(request, "annotation/adjudication.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def adjudication_item(request: HttpRequest, public_id: str, item_id: int) -> HttpResponse:
    """One item; POST with act=raters says whose answers they are, and the history that somebody looked."""
    found = campaign_of(request, public_id)
    item = item_of(found, item_id)
    opened = request.method == "POST" and request.POST.get("act") == "raters"
    if opened:
        service.open_identities(item, actor=user_of(request))
    elif request.method == "POST":
        return _record(request, found, item)
    answers = queue.side_by_side(item)
    shown = shown_by(item)
    before, word, after = cut_prompt(shown.prompt, word=shown.word)
    standing = Adjudication.objects.filter(item=item, undone_at__isnull=True).select_related("actor").first()
    apart = disagreement([answer.given for answer in answers], task_kind=found.task_kind)
    context = {
        "section": "campaigns",
        "campaign": found,
        "item": item,
        "before": before,
        "word": word,
        "after": after,
        "pictures": _pictures(found, item),
        "width": shown.image_hw[1],
        "height": shown.image_hw[0],
        "disagreement_percent": round(100 * apart),
        "answers": [(answer, in_words(answer.given)) for answer in answers],
        "opened": opened,
        "options": offered(found, answers),
        "standing": standing,
        "standing_said": in_words(given_in(standing)) if standing else "",
        "can_edit": can_edit(request, found),
    }
    return render(request, "annotation/adjudication_item.html", context)


@login_required
@require_POST
def adjudication_undo(request: HttpRequest, public_id: str, item_id: int) -> HttpResponse:
    """Takes the item's adjudication back."""
    found = campaign_of(request, public_id)
    try:
        service.undo(item_of(found, item_id), actor=user_of(request))
    except service.AdjudicationRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Taken back. The item waits again where its answers are far enough apart.")
    return redirect("annotation:adjudication_item", found.public_id, item_id)


@login_required
@require_GET
def adjudication_mask(request: HttpRequest, public_id: str, answer_id: int) -> HttpResponse:
    """A rater's mask: the image with everything else darkened."""
    found = campaign_of(request, public_id)
    answers = Answer.objects.select_related("mask", "slot__item__image__run")
    answer = get_object_or_404(answers, pk=answer_id, slot__campaign=found, mask__isnull=False)
    image = answer.slot.item.image
    if image is None or answer.mask is None:
        raise Http404
    try:
        response = png(pictures.masked_png(image, answer.mask.rle))
    except pictures.UNREADABLE as fault:
        raise Http404(str(fault)) from fault
    response["Cache-Control"] = "private, max-age=600"
    return response


def in_words(given: Given) -> str:
    """An answer as a reviewer reads it; of a pair with the first system left, as the page shows it."""
    if given.words is not None:
        return ", ".join(given.words) or "none of these"
    if given.rle:
        return "a mask"
    if given.winner:
        return {"first": "left", "second": "right"}.get(given.winner, "no difference")
    if given.code == Choice.NOT_IN_IMAGE:
        return str(Choice.NOT_IN_IMAGE.label)
    option = OPTION_BY_CODE[given.code]
    return f"{option.score} {option.label}" if option.score else option.label


def _record(request: HttpRequest, found: Campaign, item: Item) -> HttpResponse:
    answers = queue.side_by_side(item)
    try:
        content = read_adjudication(
            request.POST, campaign=found, answers=answers, image_hw=shown_by(item).image_hw
        )
        service.adjudicate(item, content, actor=user_of(request), note=request.POST.get("note", ""))
    except (ValueError, service.AdjudicationRefused) as refusal:
        messages.error(request, str(refusal))
        return redirect("annotation:adjudication_item", found.public_id, item.pk)
    messages.success(request, "Recorded beside the raters’ answers, which stay as they are.")
    following = queue.waiting(found, from_percent=queue.threshold_percent(found))
    if following:
        return redirect("annotation:adjudication_item", found.public_id, following[0].item_id)
    return redirect("annotation:adjudication", found.public_id)


def item_of(found: Campaign, item_id: int) -> Item:
    """The campaign's rated item of this number. Raises Http404."""
    if item_id >= 2**63:
        raise Http404
    items = Item.objects.select_related("campaign", *_PATHS)
    return get_object_or_404(items, campaign=found, pk=item_id, kind=ItemKind.RATING)


def _pictures(found: Campaign, item: Item) -> list[tuple[str, str]]:
    """What the item shows, by its words; the first of a pair left."""
    words = {"image": "Image", "map": "Map", "left": "Left: the first", "right": "Right: the second"}
    words |= {"left-map": "Left map: the first", "right-map": "Right map: the second"}
    return [
        (words[name], reverse("annotation:preview_picture", args=[found.public_id, item.pk, name]))
        for name in picture_names(found)
    ]


def given_in(standing: Adjudication) -> Given:
    """What an adjudication says, as answers do."""
    return Given(
        score=standing.score,
        opt_out=standing.opt_out,
        words=None if standing.words is None else tuple(standing.words),
        choice=standing.choice,
        rle=standing.mask.rle if standing.mask else "",
    )


def _word(item: Item) -> str:
    word: Any = item.word_map.word if item.word_map else item.word
    return word.text if word else ""


def _percent(text: str, *, usual: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= 100 else usual
