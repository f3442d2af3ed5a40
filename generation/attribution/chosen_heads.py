"""Which attention heads speak for a word: those of its concept, where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from generation.attribution.relevance import HeadRelevance, Weights
from generation.attribution.words import folded

MOST_RELEVANT = "heads, most relevant"
IN_PROPORTION = "heads, in proportion"
# The methods by which a run's maps are taken apart, in the order in which they are shown; see exploring.py.
RUN_METHODS = ("paper", "castorini", "v1")
HEAD_METHODS = (MOST_RELEVANT, IN_PROPORTION)
PICTURE_METHODS = ("MI", "CMI", "attention + information")
METHODS = (*RUN_METHODS, *HEAD_METHODS, *PICTURE_METHODS)
NO_VECTORS = "There are no head relevance vectors of this model, so no maps of chosen heads."


@dataclass(frozen=True, kw_only=True)
class ChosenHeads:
    """The heads for one word. weights: by method; empty where the word has no concept, and note says why."""

    concept: str = ""
    note: str = ""
    weights: Mapping[str, Weights] = field(default_factory=dict)


def concept_of(relevance: HeadRelevance, *, word: str, lemma: str = "") -> str:
    """The concept in whose list the word stands, or else its lemma ("stars": "star"); empty for none.

    Only whole entries count: "left" does not stand in a list that has "left of". Nothing is guessed.
    """
    listed = {
        folded(" ".join(entry.split())): name
        for name, entries in relevance.words.items()
        for entry in entries
    }
    return listed.get(folded(word), "") or listed.get(folded(lemma), "")


def choose_heads(
    relevance: HeadRelevance | None, *, word: str, lemma: str = "", concept: str | None = None
) -> ChosenHeads:
    """The heads of the word's concept: the most relevant ones, and all in proportion.

    concept: what somebody chose; "" for none; None leaves it to concept_of.
    """
    if relevance is None:
        return ChosenHeads(note=NO_VECTORS)
    chosen = concept_of(relevance, word=word, lemma=lemma) if concept is None else concept
    if not chosen:
        return ChosenHeads(note=f"“{word}” has no concept, so no heads speak for it.")
    if chosen not in relevance.concepts:
        return ChosenHeads(note=f"“{chosen}” is none of the concepts: {', '.join(relevance.concepts)}.")
    try:
        weights = {
            MOST_RELEVANT: relevance.most(chosen),
            IN_PROPORTION: relevance.proportional(chosen),
        }
    except ValueError:
        return ChosenHeads(note=f"No head was ever strongest for “{chosen}”, so none speaks for “{word}”.")
    return ChosenHeads(concept=chosen, weights=weights)
