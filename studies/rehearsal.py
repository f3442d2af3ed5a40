"""A dry run: simulated raters do a copy of a campaign through its real pages, a few seconds at a time.

The pages are asked in this process, by the same handler that serves them, so that a dry run needs neither a
worker nor a second web server. Where it stands is in the database alone: whoever continues it, continues.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

from django.conf import settings
from django.test import Client
from django.urls import reverse

from annotation.choices import SlotState
from annotation.models import Campaign, Rater, Slot
from annotation.recruitment import pseudonym
from annotation.services.entry import EntryRefused, enter
from studies.careless import answers_of
from studies.crowd import Acknowledged, answer_task, begin
from studies.endings import IN_ORDER, Met, after_the_crowd, before_the_crowd, identity, met
from studies.page_forms import PageForm
from studies.simulated_raters import SimulatedRater, draw_raters
from studies.visitors import Response, encode

# One in so many is careless: enough of them to see the attention checks at work.
CARELESS_EVERY: Final = 5
MOST_RATERS: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Where a dry run stands. filled: the crowd has done what it can.  endings: those taken so far."""

    raters: int
    places: int
    answered: int
    filled: bool
    endings: tuple[Met, ...]

    @property
    def finished(self) -> bool:
        """Whether every place is filled and every ending was taken, or it was said why not."""
        return self.filled and len(self.endings) == len(IN_ORDER)

    @property
    def amiss(self) -> int:
        """Endings that were other than the campaign has them."""
        return sum(not met.as_planned and not met.why_not for met in self.endings)

    @property
    def share(self) -> float:
        """Answered places as a share of all, in [0, 1]."""
        return self.answered / self.places if self.places else 1.0


class InnerVisitor:
    """A visitor without cookies or scripts whose requests never leave the process."""

    def __init__(self, host: str, *, secure: bool) -> None:
        self._client = Client(raise_request_exception=False, headers={"host": host})
        self._secure = secure

    def open(self, url: str) -> Response:
        """GET a page, redirects followed."""
        self._client.cookies.clear()
        return self._answer(self._client.get(url, follow=True, secure=self._secure), url)

    def press(self, response: Response, form: PageForm, name: str, value: str, **fields: str) -> Response:
        """Press a button of a form on the page that `response` holds."""
        url = urljoin(response.url, form.action)
        if form.method == "get":
            return self.open(f"{url}?{encode(form, name, value, **fields)}")
        answer = self._client.post(
            url,
            data=encode(form, name, value, **fields),
            content_type="application/x-www-form-urlencoded",
            follow=True,
            secure=self._secure,
        )
        return self._answer(answer, url)

    def _answer(self, answer: Any, url: str) -> Response:
        last = urljoin(url, answer.redirect_chain[-1][0]) if answer.redirect_chain else url
        body = b"".join(answer) if answer.streaming else answer.content
        return Response(status=answer.status_code, url=last, body=body)


def rehearsal(dry_run: Campaign) -> Rehearsal:
    """Where the dry run stands, counted now."""
    places = Slot.objects.filter(campaign=dry_run, number__isnull=False).exclude(state=SlotState.VOID)
    total, answered = places.count(), places.filter(state=SlotState.ANSWERED).count()
    raters = Rater.objects.filter(campaign=dry_run).count()
    return Rehearsal(
        raters=raters,
        places=total,
        answered=answered,
        filled=answered >= total or raters >= MOST_RATERS,
        endings=met(dry_run),
    )


def advance(dry_run: Campaign, *, host: str, secure: bool, seconds: float) -> Rehearsal:
    """Lets simulated raters work for so long; a rater who is cut off goes on at the next call.

    host: of the site's own address, one that it serves.
    """
    deadline = time.monotonic() + seconds
    visitor = InnerVisitor(host, secure=secure)
    before_the_crowd(dry_run, visitor)
    for rater in crowd(dry_run):
        if rehearsal(dry_run).filled:
            after_the_crowd(dry_run, visitor)
            break
        _work(rater, dry_run=dry_run, visitor=visitor, deadline=deadline)
        if time.monotonic() > deadline:
            break
    return rehearsal(dry_run)


def crowd(dry_run: Campaign) -> Iterator[SimulatedRater]:
    """The raters of this dry run who are not through yet, always in the same order."""
    ended = set(
        Rater.objects.filter(campaign=dry_run).exclude(outcome="").values_list("pseudonym", flat=True)
    )
    for number in range(1, MOST_RATERS + 1):
        careless = number % CARELESS_EVERY == 0
        generator = random.Random(f"dry run {dry_run.order_seed} {number}")
        [rater] = draw_raters(careful=not careless, careless=careless, generator=generator)
        name = pseudonym(
            identity(rater.name), campaign_public_id=dry_run.public_id, secret=settings.SECRET_KEY
        )
        if name not in ended:
            yield rater


def _work(rater: SimulatedRater, *, dry_run: Campaign, visitor: InnerVisitor, deadline: float) -> None:
    try:
        enter(dry_run, identity(rater.name), simulated=True)
    except EntryRefused:
        return
    entry = reverse("rate:entry", args=[dry_run.public_id])
    response = begin(visitor, rater, entry_path=entry)
    generator = random.Random(f"{rater.name} {Rater.objects.filter(campaign=dry_run).count()}")
    # At least one answer, however late it is: every call gets on.
    while (step := _answer(visitor, response, dry_run=dry_run, rater=rater, generator=generator)) is not None:
        response, _ = step
        if time.monotonic() > deadline:
            return


def _answer(
    visitor: InnerVisitor,
    response: Response,
    *,
    dry_run: Campaign,
    rater: SimulatedRater,
    generator: random.Random,
) -> tuple[Response, Acknowledged] | None:
    knows = answers_of(dry_run, rater)
    return answer_task(visitor, response, rater=rater, generator=generator, knows=knows)
