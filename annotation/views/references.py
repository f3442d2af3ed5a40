"""Drawing the reference masks of a draft: the raters' own page, and what is drawn becomes a known answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation import coco_rle, known_answers, segmentations
from annotation.choices import CampaignState, TaskKind
from annotation.forms.rating import UnreadableRequest
from annotation.forms.references import Reference, read_reference
from annotation.known_answers import Use
from annotation.mask_files import one_bit_png
from annotation.models import Campaign
from annotation.services import campaigns as service
from annotation.services.known_things import answers_of, sought_of
from annotation.services.references import Drawable, drawable_things
from annotation.views.entry import wording
from annotation.views.kinds import kind_of
from annotation.views.media import png
from annotation.views.preview import ANY_KEY
from annotation.views.rater_pages import page, reply, see_other, wants_json
from annotation.views.rater_screens import TaskScreen, cut_prompt
from annotation.views.scope import campaign_to_edit, campaign_to_read, user_of

NOT_HERE: Final = "References are drawn in drafts that ask for masks. Elsewhere the answers are in the file."


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The thing on the page. place: from 0, among all of `things`."""

    things: list[Drawable]
    place: int

    @property
    def thing(self) -> Drawable:
        return self.things[self.place]

    def beside(self, step: int) -> Drawable | None:
        """The thing so many places on; None past either end."""
        place = self.place + step
        return self.things[place] if 0 <= place < len(self.things) else None


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def known_draw(request: HttpRequest, public_id: str) -> HttpResponse:
    """One thing of the draft with the raters' canvas; POST marks it and goes on to the next."""
    found = campaign_to_edit(request, public_id)
    if found.task_kind != TaskKind.MASK or found.state != CampaignState.DRAFT:
        messages.warning(request, NOT_HERE)
        return redirect("annotation:known_answers", found.public_id)
    chosen = _chosen(request, found)
    if chosen is None:
        messages.warning(request, "Nothing can be drawn: the run has no finished image of these words.")
        return redirect("annotation:known_answers", found.public_id)
    if request.method == "POST":
        return _post(request, found, chosen)
    return page("annotation/known_draw.html", _context(request, found, chosen))


@login_required
@never_cache
@require_GET
def known_drawn(request: HttpRequest, public_id: str) -> HttpResponse:
    """The mask that marks a thing, white inside, for the canvas to go on from."""
    found = campaign_to_read(request, public_id)
    if found.task_kind != TaskKind.MASK:
        raise Http404
    chosen = _chosen(request, found)
    reference = None if chosen is None else _marked(found).get(chosen.thing.key)
    if chosen is None or reference is None or reference.segmentation is None:
        raise Http404
    height, width = chosen.thing.image_hw
    counts = segmentations.counts(reference.segmentation, height=height, width=width)
    return png(one_bit_png(coco_rle.decode(counts, height=height, width=width)))


def _post(request: HttpRequest, found: Campaign, chosen: _Chosen) -> HttpResponse:
    if request.GET.get("move") == "back":
        return _go(request, found, chosen.beside(-1), outcome="back")
    try:
        drawn = read_reference(request.POST, image_hw=chosen.thing.image_hw)
        _mark(request, found, chosen.thing, drawn)
    except (UnreadableRequest, service.KnownAnswersRefused, service.CampaignMoved) as refused:
        if wants_json(request):
            return reply("refused", message=str(refused), status=400)
        messages.error(request, str(refused))
        return see_other(_address(found, chosen.thing))
    return _go(request, found, chosen.beside(1))


def _mark(request: HttpRequest, found: Campaign, thing: Drawable, drawn: Reference) -> None:
    """The thing's mark replaced, or taken away; those of all others stay. Raises KnownAnswersRefused."""
    others = [line for line in found.known_answers if _key(line) != thing.key]
    image, word_position = thing.key
    mine = [{"image": image, "word_position": word_position, **drawn.line}] if drawn.line else []
    answers, faults = known_answers.read_values([*others, *mine], sought=sought_of(found))
    if faults:
        raise service.KnownAnswersRefused(list(faults.values()))
    service.mark_known(found, answers, actor=user_of(request))


def _context(request: HttpRequest, found: Campaign, chosen: _Chosen) -> dict[str, Any]:
    thing, marked = chosen.thing, _marked(found)
    mine = marked.get(thing.key)
    return (
        wording(found)
        | kind_of(found).context(found, "reference")
        | {
            "script": kind_of(found).script,
            "screen": _screen(found, chosen, is_drawn=bool(mine and mine.segmentation)),
            "preview": True,
            "campaign": found,
            "number": chosen.place + 1,
            "total": len(chosen.things),
            "n_marked": len(marked),
            "marked": mine,
            "uses": [(use.value, use.value.capitalize()) for use in Use],
            "usual_least_iou": known_answers.USUAL_LEAST_IOU,
            "csrf_token": get_token(request),
            "researcher": request.user.pk,
            "answer_url": _address(found, thing),
            "undo_url": _address(found, thing, move="back"),
            "next_url": _address(found, following) if (following := chosen.beside(1)) else "",
            "instructions_url": reverse("annotation:preview", args=[found.public_id]) + "?page=instructions",
            "stop_url": reverse("annotation:known_answers", args=[found.public_id]),
        }
    )


def _screen(found: Campaign, chosen: _Chosen, *, is_drawn: bool) -> TaskScreen:
    thing = chosen.thing
    before, word, after = cut_prompt(thing.prompt, word=thing.word)
    drawn = reverse("annotation:known_drawn", args=[found.public_id])
    return TaskScreen(
        slot=ANY_KEY,
        idempotency_key=ANY_KEY,
        question=found.question,
        before=before,
        word=word,
        after=after,
        pictures={"image": reverse("generation:image_png", args=[thing.run_id, thing.key[0]])},
        width=thing.image_hw[1],
        height=thing.image_hw[0],
        place=chosen.place + 1,
        places_total=len(chosen.things),
        time_left="",
        can_undo=chosen.place > 0,
        draft_url=f"{drawn}?{_query(thing)}" if is_drawn else "",
        draft_number=1 if is_drawn else 0,
    )


def _chosen(request: HttpRequest, found: Campaign) -> _Chosen | None:
    """The thing that the address names, or the first that is not marked; None where there is nothing.

    Raises Http404 for a thing that the draft has not.
    """
    things = drawable_things(found)
    if not things:
        return None
    if "image" not in request.GET:
        marked = _marked(found)
        place = next((place for place, thing in enumerate(things) if thing.key not in marked), 0)
        return _Chosen(things=things, place=place)
    key = (_number(request.GET["image"]), _number(request.GET.get("word", "")))
    places = {thing.key: place for place, thing in enumerate(things)}
    if key not in places:
        raise Http404
    return _Chosen(things=things, place=places[key])


def _go(
    request: HttpRequest, found: Campaign, thing: Drawable | None, *, outcome: str = "marked"
) -> HttpResponse:
    """To that thing. outcome: once it is "marked", js/keep-drawn.js forgets what was drawn."""
    home = reverse("annotation:known_answers", args=[found.public_id])
    address = _address(found, thing) if thing else home
    return reply(outcome, location=address) if wants_json(request) else see_other(address)


def _marked(found: Campaign) -> dict[tuple[int, int], known_answers.KnownAnswer]:
    return {(one.image or 0, one.word_position or 0): one for one in answers_of(found)}


def _key(line: Mapping[str, Any]) -> tuple[Any, Any]:
    return line.get("image"), line.get("word_position")


def _number(text: str) -> int:
    """Raises Http404 for what is no number."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Http404
    return int(text)


def _query(thing: Drawable) -> str:
    return urlencode({"image": thing.key[0], "word": thing.key[1]})


def _address(found: Campaign, thing: Drawable, **query: str) -> str:
    more = f"&{urlencode(query)}" if query else ""
    return f"{reverse('annotation:known_draw', args=[found.public_id])}?{_query(thing)}{more}"
