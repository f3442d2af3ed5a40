"""The given columns of a campaign's items.csv and raters.csv: what is known before any answer is analysed."""

from dataclasses import dataclass
from typing import Final

from annotation.choices import CheckKind


@dataclass(frozen=True)
class Given:
    """A column: its name, what it holds, and its path from the row in the database; empty if worked out."""

    name: str
    meaning: str
    path: str = ""


ITEMS: Final = (
    Given("item", "Number of the item.", "pk"),
    Given("item_kind", "rating; attention for an attention check; training or qualification.", "kind"),
    Given("position", "Place in the campaign's seeded order, from 0.", "position"),
    Given(
        "system", "System under comparison: the run's name, or the map method's of several.", "shown_system"
    ),
    Given("map_method", "Method of the word's map; empty for the stored one.", "method"),
    Given("prompt_row", "Line of the prompt in the imported file.", "shown_prompt_row"),
    Given("prompt", "The prompt.", "shown_prompt"),
    Given("word", "The word in question.", "word_map__word__text"),
    Given("word_position", "Place of the word in the prompt; 0 is the first.", "word_map__word__position"),
    Given("part_of_speech", "Universal part-of-speech tag.", "word_map__word__part_of_speech"),
    Given("lemma", "Dictionary form of the word.", "word_map__word__lemma"),
    Given("seed", "Seed of the image's noise.", "shown_seed"),
    Given("image_sha256", "SHA-256 of the image file.", "shown_image_sha256"),
    Given(
        "safety_verdict",
        "passed, or unchecked where the model has no filter.",
        "shown_safety_verdict",
    ),
    Given("map_peak", "Largest raw value of the word's map.", "word_map__peak"),
)
# Bundles from before they were here lack them.
CHECKS_BY_KIND: Final = tuple(
    given
    for kind in CheckKind
    for given in (
        Given(f"{kind.value}_checks", f"Attention checks answered of the kind {kind.value}."),
        Given(f"{kind.value}_wrong", "Of them wrong."),
    )
)
RATERS: Final = (
    Given("rater", "Pseudonym of the rater in this campaign.", "pseudonym"),
    Given("platform", "Where the rater came from.", "platform"),
    Given("simulated", "1 for a simulated rater of a dry run.", "simulated"),
    Given("outcome", "completed, stopped, declined; empty for a visit that never ended.", "outcome"),
    Given("entered_at", "First visit, by the server's clock (UTC).", "entered_at"),
    Given("ended_at", "End of the visit; may be empty.", "ended_at"),
    Given("verdict", "kept, failed checks, or excluded (by a researcher)."),
    Given("exclusion_reason", "The researcher's reason; else empty.", "exclusion_reason"),
    Given("checks_answered", "Attention checks answered."),
    Given("checks_wrong", "Of them wrong."),
    *CHECKS_BY_KIND,
)
KEPT, FAILED, EXCLUDED = "kept", "failed checks", "excluded"
