"""Whether a dry run kept its promises, judged from what raters were told and what the export says. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from annotation.choices import ItemKind
from studies.crowd import Visit

Row = Mapping[str, str]


def broken_promises(
    visits: Sequence[Visit],
    *,
    ratings: Sequence[Row],
    raters_per_item: int,
    earlier: Sequence[Row] = (),
) -> list[str]:
    """One sentence for each promise that does not hold; empty when all hold.

    visits: what every simulated rater was told.  ratings: the rows of ratings.csv.
    earlier: its rows from before the visits, where an interrupted study went on: told to nobody who is left,
    they must stand unchanged in their answers.
    """
    return [
        *_acknowledged_once(visits, ratings, earlier),
        *_nobody_over(ratings, raters_per_item),
        *_careless_caught(visits, ratings, went_on=bool(earlier)),
    ]


def _acknowledged_once(visits: Sequence[Visit], ratings: Sequence[Row], earlier: Sequence[Row]) -> list[str]:
    told = _pressed(earlier) | {one.key: one.option for visit in visits for one in visit.acknowledged}
    rows = Counter(row["answer_key"] for row in ratings)
    stored = _pressed(ratings)
    faults = []
    if not told:
        faults.append("No answer was acknowledged at all.")
    if missing := sum(key not in rows for key in told):
        faults.append(f"{missing} of {len(told)} acknowledged answers are missing from ratings.csv.")
    if doubled := sum(rows[key] > 1 for key in told):
        faults.append(f"{doubled} acknowledged answers stand in ratings.csv more than once.")
    if changed := sum(stored[key] != option for key, option in told.items() if key in stored):
        faults.append(f"{changed} answers in ratings.csv differ from what the rater pressed.")
    if strangers := sum(key not in told for key in rows):
        faults.append(f"{strangers} rows of ratings.csv belong to no acknowledged answer.")
    return faults


def _pressed(ratings: Sequence[Row]) -> dict[str, str]:
    """The option of each answer by its key."""
    return {row["answer_key"]: row["opt_out"] or row["score"] for row in ratings}


def _nobody_over(ratings: Sequence[Row], raters_per_item: int) -> list[str]:
    ratings_of_item = Counter(row["item"] for row in ratings if row["item_kind"] == ItemKind.RATING)
    pairs = {(row["item"], row["rater"]) for row in ratings}
    faults = []
    if over := sum(count > raters_per_item for count in ratings_of_item.values()):
        faults.append(f"{over} items have more than {raters_per_item} ratings.")
    if len(pairs) != len(ratings):
        faults.append("A rater met an item more than once.")
    return faults


def _careless_caught(visits: Sequence[Visit], ratings: Sequence[Row], *, went_on: bool) -> list[str]:
    failed = {row["answer_key"]: row["rater_failed_checks"] == "1" for row in ratings}
    checked = {row["answer_key"] for row in ratings if row["item_kind"] == ItemKind.ATTENTION}
    faults = []
    careless_seen = 0
    for visit in visits:
        keys = [one.key for one in visit.acknowledged]
        if not any(key in checked for key in keys):
            continue
        caught = any(failed.get(key, False) for key in keys)
        careless_seen += visit.rater.careless
        if visit.rater.careless and not caught:
            faults.append(f"The careless rater {visit.rater.name} was not caught.")
        if caught and not visit.rater.careless:
            faults.append(f"The careful rater {visit.rater.name} was taken for a careless one.")
    # Where a study went on, they may have met theirs before.
    if not careless_seen and not went_on and any(visit.rater.careless for visit in visits):
        faults.append("No careless rater met an attention check.")
    return faults
