"""Every interval by name: what it is of, what it generalises to, and where it comes from.

The one register that protocols, forms, exports and the codebook read. A name written into a row is the value
of `IntervalMethod`, so that each number says which method made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evaluation.metrics.intervals import IntervalMethod


class IntervalOf(StrEnum):
    """What an interval is put around."""

    MEAN = "mean of item scores"
    RATINGS = "mean of all ratings"
    ITEM = "mean rating of one item"
    SHARE = "share"


@dataclass(frozen=True, kw_only=True)
class MethodCard:
    """One method. items, raters: whether it holds for new items and for new raters.  resamples: it needs a
    generator."""

    name: IntervalMethod
    of: IntervalOf
    title: str
    formula: str
    source: str
    items: bool
    raters: bool
    resamples: bool = False


def method_card(name: str) -> MethodCard:
    """The card of a method. ValueError for a name that no method has, with the names there are."""
    for card in METHOD_CARDS:
        if card.name == name:
            return card
    raise ValueError(
        f"no interval is called {name!r}; choose one of {', '.join(c.name for c in METHOD_CARDS)}"
    )


def methods_for_means() -> tuple[MethodCard, ...]:
    """The methods that a protocol can choose for a group's mean opinion score."""
    return tuple(card for card in METHOD_CARDS if card.of in (IntervalOf.MEAN, IntervalOf.RATINGS))


METHOD_CARDS = (
    MethodCard(
        name=IntervalMethod.TWO_WAY, of=IntervalOf.MEAN, title="Two-way cluster-robust",
        formula="m ± t(min(R, N) − 1) √(S²/N + V_raters)",
        source="Cameron, Gelbach and Miller 2011, eq. 2.11, in CR3 form", items=True, raters=True,
    ),
    MethodCard(
        name=IntervalMethod.TWO_WAY_SATTERTHWAITE, of=IntervalOf.MEAN, title="Two-way, Satterthwaite",
        formula="m ± t(ν) √V, ν = V²/(V_items²/(N−1) + V_raters²/(R−1))",
        source="Satterthwaite 1946", items=True, raters=True,
    ),
    MethodCard(
        name=IntervalMethod.BOOTSTRAP_TWO_WAY, of=IntervalOf.MEAN, title="Two-way bootstrap, percentiles",
        formula="quantiles of means with items and raters drawn anew",
        source="Owen 2007", items=True, raters=True, resamples=True,
    ),
    MethodCard(
        name=IntervalMethod.BOOTSTRAP_TWO_WAY_BCA, of=IntervalOf.MEAN, title="Two-way bootstrap, BCa",
        formula="the same, tails moved by bias and acceleration",
        source="Owen 2007; Efron 1987", items=True, raters=True, resamples=True,
    ),
    MethodCard(
        name=IntervalMethod.T_ITEMS, of=IntervalOf.MEAN, title="Student's t over items",
        formula="m ± t(N−1) S/√N", source="Student 1908", items=True, raters=False,
    ),
    MethodCard(
        name=IntervalMethod.Z_196, of=IntervalOf.MEAN, title="1.96 standard errors over items",
        formula="m ± 1.96 S/√N", source="published analyses", items=True, raters=False,
    ),
    MethodCard(
        name=IntervalMethod.Z_196_POPULATION, of=IntervalOf.MEAN, title="1.96 standard errors, dividing by N",
        formula="m ± 1.96 σ/√N", source="published code (numpy's default deviation)", items=True,
        raters=False,
    ),
    MethodCard(
        name=IntervalMethod.BOOTSTRAP_ITEMS, of=IntervalOf.MEAN, title="Bootstrap over items, percentiles",
        formula="quantiles of means with items drawn anew", source="Efron and Tibshirani 1993, ch. 13",
        items=True, raters=False, resamples=True,
    ),
    MethodCard(
        name=IntervalMethod.BOOTSTRAP_ITEMS_BCA, of=IntervalOf.MEAN, title="Bootstrap over items, BCa",
        formula="the same, tails moved by bias and acceleration", source="Efron 1987",
        items=True, raters=False, resamples=True,
    ),
    MethodCard(
        name=IntervalMethod.BINOMIAL_BOUNDED, of=IntervalOf.MEAN, title="Bounded by the scale",
        formula="Wilson's bounds of (m − lo)/(hi − lo) among N", source="Bhatia and Davis 2000; Wilson 1927",
        items=True, raters=False,
    ),
    MethodCard(
        name=IntervalMethod.POOLED, of=IntervalOf.MEAN, title="Spread pooled over all groups",
        formula="m ± t(ΣN−G) √(S²_pooled/N + V_raters)", source="one-way analysis of variance",
        items=True, raters=True,
    ),
    MethodCard(
        name=IntervalMethod.T_RATINGS, of=IntervalOf.RATINGS, title="Student's t over all ratings",
        formula="ȳ ± t(n−1) s/√n", source="ITU-T P.800.2, cl. 7", items=False, raters=False,
    ),
    MethodCard(
        name=IntervalMethod.T_RATINGS_TWO_WAY, of=IntervalOf.RATINGS, title="Two-way, of all ratings",
        formula="items + raters − ratings sandwich", source="Cameron, Gelbach and Miller 2011, eq. 2.11",
        items=True, raters=True,
    ),
    MethodCard(
        name=IntervalMethod.SOS, of=IntervalOf.ITEM, title="Spread of opinion scores",
        formula="m ± t √(a (m − lo)(hi − m)/n)", source="Hossfeld, Schatz and Egger 2011", items=False,
        raters=True,
    ),
    MethodCard(
        name=IntervalMethod.WILSON, of=IntervalOf.SHARE, title="Wilson score",
        formula="(p + z²/2n ± z √(p(1−p)/n + z²/4n²))/(1 + z²/n)", source="Wilson 1927",
        items=True, raters=False,
    ),
    MethodCard(
        name=IntervalMethod.CLOPPER_PEARSON, of=IntervalOf.SHARE, title="Clopper-Pearson, exact",
        formula="quantiles of beta distributions", source="Clopper and Pearson 1934", items=True,
        raters=False,
    ),
)  # fmt: skip
