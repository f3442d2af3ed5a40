"""A campaign small enough to work out by hand: one image, four words, one punctuation mark, four raters.

The prompt is "red ball on box.". Answers, with the attention check (the full stop) in the last column:

    rater   red (ADJ)   ball (NOUN)   on (ADP)       box (NOUN)      "."
    anna    4           5             2              3               too abstract: right
    bert    5           5             too abstract   image poor      image poor: right
    cleo    2           4             1              4               too abstract: right
    dora    1           1             5              too abstract    5: wrong, so she is left out

    without dora        scores      median   mean
    red                 4 5 2       4        11/3
    ball                5 5 4       5        14/3
    on                  dropped, since bert found the word too abstract
    box                 3 4         3.5      3.5        (dora's opt-out does not count)

    group   items   MOS              t interval over items                    fair to excellent
    ADJ     1       4                none: one item                           2 of 3
    NOUN    2       (5+3.5)/2=4.25   4.25 -+ 12.7062 * 1.06066/sqrt(2) = 9.52965   5 of 5
    ADP     0       none             none                                     none
    all     3       12.5/3           4.16667 -+ 4.30265 * 0.763763/sqrt(3) = 1.89730  7 of 8

    flow                        items   raters   answers
    all answers                 5       4        20
    attention checks aside      4       4        16
    dora failed                 4       3        12
    nobody excluded by hand     4       3        12
    drop rule                   3       3        9
    scores alone                3       3        8

    options of the 12 answers that count: 1 once, 2 twice, 3 once, 4 three times, 5 three times,
    too abstract once, image poor once.
"""

from typing import Final

from django.contrib.auth.models import User

from annotation.models import Campaign, Rater
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

PROMPT: Final = "red ball on box."
ANSWERS: Final = {
    "anna": {"red": "4", "ball": "5", "on": "2", "box": "3", ".": "word_too_abstract"},
    "bert": {
        "red": "5",
        "ball": "5",
        "on": "word_too_abstract",
        "box": "image_too_poor",
        ".": "image_too_poor",
    },
    "cleo": {"red": "2", "ball": "4", "on": "1", "box": "4", ".": "word_too_abstract"},
    "dora": {"red": "1", "ball": "1", "on": "5", "box": "word_too_abstract", ".": "5"},
}
# Names of participants, so that a leak of one into a page or a file can be searched for.
PLATFORM_IDS: Final = {name: f"canary-{name}-5f3a9c" for name in ANSWERS}


def make(owner: User) -> Campaign:
    """The campaign, open, with every place answered."""
    run = factories.make_finished_run(owner, prompts=[PROMPT])
    campaign = factories.make_open_campaign(
        owner, run=run, raters_per_item=4, checks_per_rater=1, checks_allowed_wrong=0
    )
    for name in ANSWERS:
        rate(campaign, name)
    return campaign


def rate(campaign: Campaign, name: str) -> Rater:
    """One rater's whole visit."""
    rater = factories.make_rater(campaign, PLATFORM_IDS[name])
    while isinstance(task := next_task(rater), Task):
        factories.answer(rater, task, ANSWERS[name][factories.word_of(task)])
    return rater
