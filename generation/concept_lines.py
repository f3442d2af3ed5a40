"""Whose heads speak for the words of a caption, as somebody writes it: `word = concept`, one a line."""

from generation.attribution.relevance import HeadRelevance
from generation.attribution.words import folded, split_words
from generation.head_vectors import vectors_of
from generation.registry import ModelSpec


class ConceptLinesRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was taken. faults: one for each line that can't be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults


def read_lines(text: str, *, caption: str, model: ModelSpec) -> dict[int, str]:
    """Concept by word position; "" for none. A line counts for every place at which its word stands.

    Upper and lower case are the same. Raises ConceptLinesRefused, FingerprintError as vectors_of does.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return {}
    try:
        relevance = vectors_of(model)
    except ValueError as fault:
        raise ConceptLinesRefused([f"{fault}. Leave this empty, or choose another model."]) from fault
    if relevance is None:
        raise ConceptLinesRefused(
            [f"{model.id} has no head relevance vectors. Leave this empty, or choose another model."]
        )
    return _chosen(lines, caption=caption, relevance=relevance)


def _chosen(lines: list[str], *, caption: str, relevance: HeadRelevance) -> dict[int, str]:
    words = split_words(caption)
    concepts = {"": "", **{folded(name): name for name in relevance.concepts}}
    chosen: dict[int, str] = {}
    faults = []
    for line in lines:
        word, sign, given = (part.strip() for part in line.partition("="))
        places = [each.position for each in words if folded(each.text) == folded(word)]
        if not sign:
            faults.append(f"“{line.strip()}”: write word = concept, or word = for no heads.")
        elif not places:
            faults.append(f"“{word}” is no word of the caption. Write a single word as it stands there.")
        elif set(places) & set(chosen):
            faults.append(f"“{word}” stands on two lines. Leave one out.")
        elif folded(given) not in concepts:
            faults.append(f"“{given}” is none of the model’s concepts: {', '.join(relevance.concepts)}.")
        else:
            chosen |= dict.fromkeys(places, concepts[folded(given)])
    if faults:
        raise ConceptLinesRefused(faults)
    return chosen
