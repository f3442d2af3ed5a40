"""Numbers of a running campaign, kept in this process and fed with new answers only.

The first look at a campaign reads all its answers once. Every later look reads what is new: answers by their
key, answers taken back since the last look (by an index that holds those alone), and exclusions from the
audit trail.
So a look costs the same after a million answers as after a thousand. Nothing is stored beside the answers: a
new process, or one that has looked at too many other campaigns, reads them all again.

Keys are given before their transactions end, so a look reads the last OVERLAP keys once more; an answer whose
transaction outlasts that many others is missing here until the next full reading. The results page always
reads everything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any, Final

from django.db.models import Max

from annotation import check_rows, checks
from annotation.choices import ItemKind
from annotation.models import Answer, AuditEntry, Campaign, Rater
from evaluation.live_tallies import Live, LiveKind, Tally, tally_of

OVERLAP: Final = 200
UNDO_OVERLAP: Final = timedelta(minutes=2)
MOST_CAMPAIGNS: Final = 8
ROWS_AT_ONCE: Final = 5_000
EXCLUDE, INCLUDE, WITHDRAW = "exclude_rater", "include_rater", "withdraw_rater"
FIELDS: Final = ("pk", "slot__item_id", "slot__item__kind", "rater_id", "undone_at", *check_rows.COLUMNS)


@dataclass(slots=True)
class _Checks:
    """Attention checks of one rater."""

    served: int = 0
    wrong: int = 0


@dataclass(kw_only=True)
class _Known:
    """What this process knows of one campaign. counted: answers in the window that is read again, by key."""

    campaign: Campaign
    tally: Tally
    last_answer: int = 0
    last_audit: int = 0
    withdrawals: int = 0
    last_undo: datetime | None = None
    n_answers: int = 0
    answered: dict[tuple[str, str], int] = field(default_factory=dict)
    counted: set[int] = field(default_factory=set)
    check_results: dict[int, tuple[int, bool]] = field(default_factory=dict)
    of_rater: dict[int, _Checks] = field(default_factory=dict)
    by_hand: set[int] = field(default_factory=set)
    taken_back: set[int] = field(default_factory=set)

    def take(self, row: dict[str, Any]) -> None:
        """Counts one answer that stands, once."""
        key, rater = row["pk"], row["rater_id"]
        self.last_answer = max(self.last_answer, key)
        if key in self.counted or key in self.taken_back:
            return
        self.counted.add(key)
        if row["slot__item__kind"] == ItemKind.ATTENTION:
            passed = check_rows.passed(row, campaign=self.campaign)
            self.check_results[key] = (rater, passed)
            self._judge(rater, served=1, wrong=int(not passed))
            return
        place = (str(row["slot__item_id"]), str(rater))
        if place in self.answered:
            self._remove(place)
        self.tally.take(row)
        self.answered[place] = key
        self.n_answers += 1

    def take_back(self, row: dict[str, Any]) -> None:
        """Removes one answer that was undone, once."""
        key, rater = row["pk"], row["rater_id"]
        self.last_undo = max(filter(None, (self.last_undo, row["undone_at"])))
        if key in self.taken_back:
            return
        self.taken_back.add(key)
        if key in self.check_results:
            _, passed = self.check_results.pop(key)
            self._judge(rater, served=-1, wrong=-int(not passed))
        place = (str(row["slot__item_id"]), str(rater))
        if self.answered.get(place) == key:
            self._remove(place)

    def decide(self, rater: int, *, excluded: bool) -> None:
        """A researcher's exclusion, or its end."""
        (self.by_hand.add if excluded else self.by_hand.discard)(rater)
        self._settle(rater)

    def forget_old(self) -> None:
        """Keeps only the keys that are read again."""
        self.counted = {key for key in self.counted if key > self.last_answer - OVERLAP}

    def _judge(self, rater: int, *, served: int, wrong: int) -> None:
        found = self.of_rater.setdefault(rater, _Checks())
        found.served += served
        found.wrong += wrong
        self._settle(rater)

    def _settle(self, rater: int) -> None:
        found = self.of_rater.get(rater, _Checks())
        outcome = checks.AttentionOutcome(served=found.served, wrong=found.wrong)
        out = rater in self.by_hand or checks.fails_campaign(
            outcome, allowed_wrong=self.campaign.checks_allowed_wrong
        )
        (self.tally.exclude if out else self.tally.include)(str(rater))

    def _remove(self, place: tuple[str, str]) -> None:
        self.tally.remove(item=place[0], rater=place[1])
        del self.answered[place]
        self.n_answers -= 1


_known: OrderedDict[int, _Known] = OrderedDict()
_lock = Lock()


def look(campaign: Campaign) -> Live:
    """The numbers of an opinion-score campaign as they stand now."""
    found: Live = _look(campaign)
    return found


def look_at_kind(campaign: Campaign) -> LiveKind:
    """The numbers of a campaign of any other kind as they stand now."""
    found: LiveKind = _look(campaign)
    return found


def _look(campaign: Campaign) -> Any:
    with _lock:
        known = _known.get(campaign.pk)
        if known is None or known.withdrawals != _withdrawals(campaign):
            known = _read_all(campaign)
            _known[campaign.pk] = known
        else:
            _read_new(campaign, known)
        known.forget_old()
        _known.move_to_end(campaign.pk)
        while len(_known) > MOST_CAMPAIGNS:
            _known.popitem(last=False)
        return known.tally.stand(n_answers=known.n_answers)


def forget() -> None:
    """Empties this process's memory; the next look reads everything."""
    with _lock:
        _known.clear()


def _read_all(campaign: Campaign) -> _Known:
    known = _Known(campaign=campaign, tally=tally_of(campaign))
    # First the marks, then the answers: what comes in between is read twice, and counted once.
    known.withdrawals = _withdrawals(campaign)
    known.last_audit = _audit(campaign).aggregate(last=Max("pk"))["last"] or 0
    known.last_undo = _answers(campaign).aggregate(last=Max("undone_at"))["last"]
    raters = Rater.objects.filter(campaign=campaign, excluded_at__isnull=False)
    for rater in raters.values_list("pk", flat=True):
        known.decide(rater, excluded=True)
    standing = _answers(campaign).filter(undone_at__isnull=True).order_by("pk")
    rows = _rows(standing, known.tally).iterator(chunk_size=ROWS_AT_ONCE)
    while block := list(islice(rows, ROWS_AT_ONCE)):
        _take(known, block)
    return known


def _read_new(campaign: Campaign, known: _Known) -> None:
    undone = _answers(campaign).filter(undone_at__isnull=False)
    if known.last_undo:
        undone = undone.filter(undone_at__gt=known.last_undo - UNDO_OVERLAP)
    for row in _rows(undone, known.tally):
        known.take_back(row)
    # Keys first, of all campaigns: what is joined to them is read for those alone that nobody has seen yet.
    keys = Answer.objects.filter(pk__gt=known.last_answer - OVERLAP).values_list("pk", flat=True)
    unseen = [key for key in keys if key not in known.counted]
    if unseen:
        fresh = _answers(campaign).filter(pk__in=unseen, undone_at__isnull=True)
        _take(known, list(_rows(fresh.order_by("pk"), known.tally)))
        known.last_answer = max(known.last_answer, *unseen)
        known.counted.update(unseen)
    entries = _audit(campaign).filter(pk__gt=known.last_audit - OVERLAP).order_by("pk")
    for key, rater, act in entries.values_list("pk", "rater_id", "act"):
        known.last_audit = max(known.last_audit, key)
        known.decide(rater, excluded=act == EXCLUDE)


def _take(known: _Known, rows: Sequence[dict[str, Any]]) -> None:
    rated = {row["slot__item_id"] for row in rows if row["slot__item__kind"] == ItemKind.RATING}
    known.tally.prepare(sorted(rated))
    for row in rows:
        known.take(row)


def _answers(campaign: Campaign) -> Any:
    return Answer.objects.filter(slot__campaign=campaign)


def _rows(answers: Any, tally: Tally) -> Any:
    shown = answers.annotate(**tally.annotations())
    return check_rows.with_first_answers(shown).values(*FIELDS, *tally.columns)


def _withdrawals(campaign: Campaign) -> int:
    """Raters whose answers are gone: what was counted of them can't be told apart any more."""
    return AuditEntry.objects.filter(campaign=campaign, act=WITHDRAW).count()


def _audit(campaign: Campaign) -> Any:
    return AuditEntry.objects.filter(campaign=campaign, act__in=(EXCLUDE, INCLUDE), rater__isnull=False)
