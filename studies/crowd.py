"""A crowd of simulated raters who do a campaign through its real pages, several at a time."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection

from annotation.choices import OPTION_BY_CODE, Choice
from annotation.forms.answers import CHECKED, DRAWN, NONE_OF_THESE
from studies.simulated_raters import (
    SimulatedRater,
    choose_option,
    choose_side,
    choose_ticks,
    draw_mask,
)
from studies.visitors import AnyVisitor, Response, Visitor

OPTION_BUTTON = "option"
CONSENT = ("consent", "agree")
START = ("start", "yes")
KEY_FIELD = "idempotency_key"
PRACTICE_PATH = "/practice/"


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """One answer that the server said it had saved. in_practice: in training or qualification."""

    key: str
    option: str
    in_practice: bool = False


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one simulated rater did, and the last page met."""

    rater: SimulatedRater
    acknowledged: Sequence[Acknowledged]
    last_page: str


Knowledge = Callable[[str], dict[str, str] | None]


def nothing_known(_task: str) -> dict[str, str] | None:
    """What a rater knows of a task who only sees the page."""
    return None


def send_crowd(
    raters: Sequence[SimulatedRater],
    *,
    base_url: str,
    entry_path: str,
    seed: int,
    at_once: int,
    on_answer: Callable[[], None],
    knowledge: Callable[[SimulatedRater], Knowledge] = lambda _: nothing_known,
) -> list[Visit]:
    """Every rater's visit, `at_once` of them at a time. A rater's choices depend on seed and name only.

    knowledge: what each of them, let in under her name, answers whatever the page shows.
    """

    def visit(rater: SimulatedRater) -> Visit:
        generator = random.Random(f"{seed} {rater.name}")
        try:
            return _visit(
                rater,
                base_url=base_url,
                entry_path=entry_path,
                generator=generator,
                on_answer=on_answer,
                knows=knowledge(rater),
            )
        finally:
            # This thread's own, where knowing took a look.
            connection.close()

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(visit, raters))


def begin(visitor: AnyVisitor, rater: SimulatedRater, *, entry_path: str) -> Response:
    """The rater's first task, or where she had got to: link, consent, instructions."""
    query = urlencode({"PROLIFIC_PID": rater.name, "STUDY_ID": "simulated", "SESSION_ID": f"{rater.name}-1"})
    response = visitor.open(f"{entry_path}?{query}")
    for button, value in (CONSENT, START):
        form = response.page().form_with_button(button)
        if form is not None:
            response = visitor.press(response, form, button, value)
    return response


def answer_task(
    visitor: AnyVisitor,
    response: Response,
    *,
    rater: SimulatedRater,
    generator: random.Random,
    knows: Knowledge = nothing_known,
) -> tuple[Response, Acknowledged] | None:
    """Answers the task on the page; returns the next page and what was acknowledged, None without a task.

    knows: the fields that the rater sends for a task, from its name, where that is settled.
    """
    response = _go_on(visitor, response)
    page = response.page()
    form = page.form_with_button(OPTION_BUTTON)
    if response.status != 200 or form is None:
        return None
    options = [value for name, value in form.buttons if name == OPTION_BUTTON]
    ticked: dict[str, str] = {}
    if CHECKED in options:
        ticked = dict(choose_ticks(rater, form.ticks, generator=generator))
        option = CHECKED if ticked else NONE_OF_THESE
    elif DRAWN in options:
        if page.canvas_hw is None:
            return None
        mask = draw_mask(rater, word=page.target_word, size_hw=page.canvas_hw, generator=generator)
        option = Choice.NOT_IN_IMAGE.value if mask is None else DRAWN
        ticked = {} if mask is None else {"mask": mask}
    elif set(options) <= set(OPTION_BY_CODE):
        option = choose_option(rater, prompt=page.prompt, word=page.target_word, generator=generator)
    else:
        option = choose_side(rater, options, generator=generator)
    if settled := knows(form.fields.get("slot", "")):
        ticked = dict(settled)
        option = ticked.pop(OPTION_BUTTON)
    after = visitor.press(response, form, OPTION_BUTTON, option, **ticked)
    if after.status != 200:
        return None
    in_practice = form.action.endswith(PRACTICE_PATH)
    return after, Acknowledged(key=form.fields[KEY_FIELD], option=option, in_practice=in_practice)


def _go_on(visitor: AnyVisitor, response: Response) -> Response:
    """Past what a practice answer was worth, to the next question."""
    form = response.page().form_with_button(START[0])
    return response if form is None else visitor.press(response, form, *START)


def _visit(
    rater: SimulatedRater,
    *,
    base_url: str,
    entry_path: str,
    generator: random.Random,
    on_answer: Callable[[], None],
    knows: Knowledge,
) -> Visit:
    visitor = Visitor(base_url, cookies=False)
    response = begin(visitor, rater, entry_path=entry_path)
    acknowledged: list[Acknowledged] = []
    while True:
        answered = answer_task(visitor, response, rater=rater, generator=generator, knows=knows)
        if answered is None:
            break
        response, one = answered
        if not one.in_practice:
            acknowledged.append(one)
        on_answer()
    return Visit(rater=rater, acknowledged=acknowledged, last_page=response.page().text)
