"""A crowd of simulated raters who do a campaign through its real pages, several at a time."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from studies.simulated_raters import SimulatedRater, choose_option
from studies.visitors import Response, Visitor

OPTION_BUTTON = "option"
CONSENT = ("consent", "agree")
START = ("start", "yes")
KEY_FIELD = "idempotency_key"


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """One answer that the server said it had saved."""

    key: str
    option: str


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one simulated rater did, and the last page met."""

    rater: SimulatedRater
    acknowledged: Sequence[Acknowledged]
    last_page: str


def send_crowd(
    raters: Sequence[SimulatedRater],
    *,
    base_url: str,
    entry_path: str,
    seed: int,
    at_once: int,
    on_answer: Callable[[], None],
) -> list[Visit]:
    """Every rater's visit, `at_once` of them at a time. A rater's choices depend on seed and name only."""

    def visit(rater: SimulatedRater) -> Visit:
        generator = random.Random(f"{seed} {rater.name}")
        return _visit(
            rater, base_url=base_url, entry_path=entry_path, generator=generator, on_answer=on_answer
        )

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(visit, raters))


def _visit(
    rater: SimulatedRater,
    *,
    base_url: str,
    entry_path: str,
    generator: random.Random,
    on_answer: Callable[[], None],
) -> Visit:
    visitor = Visitor(base_url, cookies=False)
    query = urlencode({"PROLIFIC_PID": rater.name, "STUDY_ID": "simulated", "SESSION_ID": f"{rater.name}-1"})
    response = visitor.open(f"{entry_path}?{query}")
    for button, value in (CONSENT, START):
        form = response.page().form_with_button(button)
        if form is not None:
            response = visitor.press(response, form, button, value)
    acknowledged: list[Acknowledged] = []
    while (answered := _answer(visitor, response, rater=rater, generator=generator)) is not None:
        response, one = answered
        acknowledged.append(one)
        on_answer()
    return Visit(rater=rater, acknowledged=acknowledged, last_page=response.page().text)


def _answer(
    visitor: Visitor, response: Response, *, rater: SimulatedRater, generator: random.Random
) -> tuple[Response, Acknowledged] | None:
    page = response.page()
    form = page.form_with_button(OPTION_BUTTON)
    if response.status != 200 or form is None:
        return None
    option = choose_option(rater, prompt=page.prompt, word=page.target_word, generator=generator)
    after = visitor.press(response, form, OPTION_BUTTON, option)
    if after.status != 200:
        return None
    return after, Acknowledged(key=form.fields[KEY_FIELD], option=option)
