"""Deciding about pay, and taking decisions back: the queue, and one rater at a time."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import review_queue
from annotation.forms.payments import RejectionForm, TakeBackForm
from annotation.models import Campaign, PaymentDecision, Rater
from annotation.services import payments
from annotation.services.raters import RaterActRefused
from annotation.views.scope import campaign_of, can_edit, rater_of, user_of

ON_A_PAGE = 50


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, public_id: str) -> HttpResponse:
    """One shelf of the queue; the ticked raters are approved, or their decisions taken back."""
    found = campaign_of(request, public_id)
    if request.method == "POST":
        if request.POST.get("act") == "take_back":
            _ticked(
                request, found, act=partial(_take_back_shown, request), done_in_words="decision{} taken back"
            )
        else:
            approve = partial(payments.approve, may_overturn=False)  # the shelf shows who is undecided
            _ticked(request, found, act=approve, done_in_words="rater{} approved for payment")
        return redirect(request.get_full_path())
    name = request.GET.get("shelf", review_queue.WAITING)
    if name not in review_queue.SHELVES:
        name = review_queue.WAITING
    page = Paginator(review_queue.shelf(found, name=name), ON_A_PAGE).get_page(request.GET.get("page"))
    how_many = review_queue.counts(found)
    context = {
        "section": "campaigns",
        "campaign": found,
        "shelf": name,
        "shelves": [(key, label, how_many[key]) for key, label in review_queue.SHELVES.items()],
        "page": page,
        "can_edit": can_edit(request, found),
        "rows": review_queue.review_rows(found, raters=list(page.object_list)),
        "undecided": name in (review_queue.WAITING, review_queue.UNDER_WAY),
    }
    return render(request, "annotation/review.html", context)


@login_required
@require_POST
def rater_approve(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """The rater is to be paid."""
    chosen = rater_of(campaign_of(request, public_id), pseudonym)
    try:
        payments.approve(chosen, user_of(request), reason=request.POST.get("reason", ""))
    except RaterActRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Rater {pseudonym} is approved for payment.")
    return redirect("annotation:rater", public_id, pseudonym)


@login_required
@require_POST
def rater_reject(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """The rater is not to be paid; with act=republish the places go to others in the same step."""
    chosen = rater_of(campaign_of(request, public_id), pseudonym)
    form = RejectionForm(request.POST, grounds=payments.grounds_for_rejection(chosen))
    if not form.is_valid():
        for field, faults in form.errors.items():
            messages.error(request, f"Not rejected. {form.fields[field].label}: {' '.join(map(str, faults))}")
        return redirect("annotation:rater", public_id, pseudonym)
    republish = request.POST.get("act") == "republish"
    act = payments.reject_and_republish if republish else payments.reject
    try:
        act(chosen, user_of(request), **form.cleaned_data)
    except RaterActRefused as refusal:
        messages.error(request, str(refusal))
    else:
        more = " and the places are free for others" if republish else ""
        messages.success(request, f"Rater {pseudonym} is rejected{more}.")
    return redirect("annotation:rater", public_id, pseudonym)


@login_required
@require_POST
def rater_take_back(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """Nothing is decided about her pay any more, if the decision is still the one that the page showed."""
    chosen = rater_of(campaign_of(request, public_id), pseudonym)
    form = TakeBackForm(request.POST)
    if not form.is_valid():
        return redirect("annotation:rater", public_id, pseudonym)
    try:
        gone = payments.take_back(chosen, user_of(request), decision_id=form.cleaned_data["decision"])
    except RaterActRefused as refusal:
        messages.error(request, str(refusal))
    else:
        said = "The decision is taken back: nothing is decided about" if gone else "Nothing was decided about"
        messages.success(request, f"{said} the pay of rater {pseudonym}.")
    return redirect("annotation:rater", public_id, pseudonym)


def _take_back_shown(request: HttpRequest, rater: Rater, actor: User) -> PaymentDecision | None:
    """Takes back the decision that the rater's row showed. Raises RaterActRefused where another holds."""
    form = TakeBackForm(request.POST, prefix=rater.pseudonym)
    if not form.is_valid():
        raise RaterActRefused("The page did not say which decision is meant. Load it anew.")
    return payments.take_back(rater, actor, decision_id=form.cleaned_data["decision"])


def _ticked(
    request: HttpRequest,
    found: Campaign,
    *,
    act: Callable[[Rater, User], PaymentDecision | None],
    done_in_words: str,
) -> None:
    """The act for each ticked rater; who is refused keeps nobody else from it.

    done_in_words: what was done to how many, {} for an s.
    """
    ticked = request.POST.getlist("rater")[:ON_A_PAGE]
    raters = Rater.objects.select_related("campaign").filter(campaign=found, pseudonym__in=ticked)
    done = 0
    for chosen in raters.order_by("pk"):
        try:
            done += act(chosen, user_of(request)) is not None
        except RaterActRefused as refusal:
            messages.error(request, f"{chosen.pseudonym}: {refusal}")
    if not ticked:
        messages.warning(request, "Nobody was ticked, so nothing was done.")
    elif done:
        messages.success(request, f"{done} {done_in_words.format('s' if done != 1 else '')}.")
