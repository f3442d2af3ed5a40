"""The texts a new campaign starts with. A researcher may change every one before opening."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from annotation.choices import TaskKind

TITLE: Final = "How well does the highlighting fit the word?"

# Tang et al. 2023, fig. 12 asks the same of its raters.
QUESTION: Final = "How well do the highlighted parts of the image reflect the meaning of the red word?"

INSTRUCTIONS: Final = "\n\n".join(
    (
        "You will see an image that a computer made from a sentence, and beside it a map of the same "
        "image: the brighter a part of the map, the more it is highlighted. One word of the sentence is "
        "red.",
        "Judge only whether the highlighted parts are the ones that show the red word. For a thing, that "
        "is the thing itself; for an action or a quality, whatever in the image shows it. Whether the "
        "image is pretty does not matter.",
        "Bad means that the highlighting has nothing to do with the word. Excellent means that it is just "
        "where you would look for the word, and nowhere else.",
        "Don't be afraid to choose “Word too abstract” or “Image itself is poor” if that is the case: "
        "some words, like “the” or a full stop, can't be seen in any image.",
    )
)

_CONSENT_BEFORE: Final = (
    "You are invited to take part in a research study about images that a computer makes from text."
)
_CONSENT_AFTER: Final = (
    "Taking part is voluntary. You can stop at any time by closing the page or with the Stop button; "
    "the answers you have given until then are kept unless you ask us to remove them.",
    "What we keep: your answers, when you gave them, and a code in place of your name. If you come "
    "from a recruitment platform, its id for you is kept apart from your answers and only as long as "
    "it takes to pay you. We keep no network address and set no cookies. If your connection fails, your "
    "browser keeps your last answer until it is sent.",
    "The images may look odd or broken. There are no known risks beyond those of looking at a screen.",
)


def _consent(what_you_do: str) -> str:
    return "\n\n".join((_CONSENT_BEFORE, f"What you will do: {what_you_do}", *_CONSENT_AFTER))


CONSENT: Final = _consent(
    "look at images with highlighted parts and say how well the highlighting fits one word. Some of the "
    "questions check that we have your attention."
)


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What a new campaign of one kind says at first."""

    title: str
    question: str
    instructions: str
    consent: str


TEXTS: Final[Mapping[TaskKind, Texts]] = {
    TaskKind.OPINION_SCORE: Texts(title=TITLE, question=QUESTION, instructions=INSTRUCTIONS, consent=CONSENT),
    TaskKind.OBJECT_PRESENCE: Texts(
        title="What is in the image?",
        # Tang et al. 2023, fig. 15 asks for the objects that are visible.
        question="Which of these things do you see in the image?",
        instructions="\n\n".join(
            (
                "You will see an image that a computer made, and a list of words.",
                "Tick every thing on the list that you can recognise in the image, the clearest one first. "
                "A thing that is only partly visible, or drawn oddly, counts as long as you would name it.",
                "If two things have grown into one, tick what you would call the result. If you recognise "
                "nothing of the list, say “None of these”.",
            )
        ),
        consent=_consent("look at images and tick, on a list of words, the things that you see."),
    ),
    TaskKind.MASK: Texts(
        title="Where is it?",
        question="Paint over everything in the image that the red word names.",
        instructions="\n\n".join(
            (
                "You will see an image and the sentence that it was made from. One word of the sentence is "
                "red.",
                "Paint over the part of the image that the red word names: the whole thing up to its edges, "
                "and every one of them where there are several. Leave out its shadow and what covers it.",
                "If the thing is not in the image, say so instead.",
            )
        ),
        consent=_consent("mark, in images, the part that a word names."),
    ),
    TaskKind.PAIRWISE: Texts(
        title="Which one fits better?",
        question="Which side fits the sentence better?",
        instructions="\n\n".join(
            (
                "You will see a sentence and, side by side, two things that a computer made from it.",
                "Choose the side that fits the sentence better. If a word is red, judge only how well each "
                "side shows that word. Which side looks prettier does not matter.",
                "If you can't see a difference, say so. That is an answer like any other.",
            )
        ),
        consent=_consent("compare two images at a time and say which fits a sentence better."),
    ),
}

# An instructed item's question: it looks like the others until it is read.
INSTRUCTED: Final = (
    "Here we only ask whether you read the question: please choose “{answer}”, whatever you see."
)
