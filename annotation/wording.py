"""The texts a new campaign starts with. A researcher may change every one before opening.

Written in English; each paragraph has its translation in locale/, so that a text that nobody has changed
follows the language of the raters' pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import cache
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from annotation.choices import PageLanguage, PairOf, ScoreOf, TaskKind

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
    "the answers you have given until then are kept. If you want them removed, write to the contact below "
    "and name your id on the recruitment platform or the address of your page: we then delete your answers "
    "and everything else that we keep about you. What has been published by then can't be called back.",
    "What we keep: your answers, when you gave them, and a code in place of your name. If you come "
    "from a recruitment platform, its id for you is kept apart from your answers and deleted 90 days after "
    "you came, or earlier if you ask. We keep no network address and set no cookies. If your connection "
    "fails, your browser keeps your last answer until it is sent.",
    "The images may look odd or broken. There are no known risks beyond those of looking at a screen.",
)
PARAGRAPH: Final = "\n\n"
STARTED: Final = ("title", "question", "instructions", "consent_text")


# Campaigns of every kind can have attention checks, and raters are told so before they agree.
_CHECKED: Final = "Some of the questions check that we have your attention."


def _consent(what_you_do: str) -> str:
    return PARAGRAPH.join((_CONSENT_BEFORE, f"What you will do: {what_you_do} {_CHECKED}", *_CONSENT_AFTER))


CONSENT: Final = _consent(
    "look at images with highlighted parts and say how well the highlighting fits one word."
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

IMAGE_SCORE: Final = Texts(
    title="How well does the image fit the sentence?",
    question="How well does this image show what the sentence says?",
    instructions="\n\n".join(
        (
            "You will see a sentence and an image that a computer made from it.",
            "Judge how well the image shows what the sentence says: everything that it names, with the right "
            "number, colour and place. What the sentence leaves open can look any way.",
            "Bad means that the image shows something else. Excellent means that nothing of the sentence is "
            "missing or wrong.",
        )
    ),
    consent=_consent("look at images and say how well each fits the sentence that it was made from."),
)
METHOD_PAIR: Final = Texts(
    title="Which map shows the word better?",
    question="Which map shows the red word better?",
    instructions="\n\n".join(
        (
            "You will see a sentence with one red word and, side by side, the same image twice, each time "
            "with other parts highlighted.",
            "Choose the side whose highlighted parts show better where the red word is in the image: on the "
            "thing or quality itself, and nowhere else. How bright or smooth a map looks does not matter.",
            "If you can't see a difference, say so. That is an answer like any other.",
        )
    ),
    consent=_consent("compare two highlightings of an image at a time and say which shows a word better."),
)


def texts_for(kind: TaskKind, *, judged: str) -> Texts:
    """The texts of a new campaign. judged: a value of ScoreOf or PairOf."""
    if kind == TaskKind.OPINION_SCORE and judged == ScoreOf.IMAGES:
        return IMAGE_SCORE
    return METHOD_PAIR if kind == TaskKind.PAIRWISE and judged == PairOf.METHODS else TEXTS[kind]


# An instructed item's question: it looks like the others until it is read. Translated when the item is made.
INSTRUCTED: Final = gettext_noop(
    "Here we only ask whether you read the question: please choose “{answer}”, whatever you see."
)
INSTRUCTED_WORDS: Final = gettext_noop(
    "Here we only ask whether you read the question: please tick “{answer}” and nothing else, whatever you "
    "see."
)
INSTRUCTED_MASK: Final = gettext_noop(
    "Here we only ask whether you read the question: please draw nothing and press “{answer}”, whatever you "
    "see."
)


def following_language(entered: Mapping[str, Any]) -> dict[str, str]:
    """Those of a campaign's entered texts that are as they start, in the entered language."""
    language = entered.get("language") or PageLanguage.ENGLISH
    return {name: in_language(entered[name], language) for name in STARTED if name in entered}


def in_language(text: str, language: str) -> str:
    """The text in that language where every paragraph is as a campaign starts; any other text as it is."""
    found = [_known().get(paragraph) for paragraph in _paragraphs(text)]
    english = [paragraph for paragraph in found if paragraph is not None]
    if len(english) < len(found):
        return text
    with translation.override(language):
        return PARAGRAPH.join(gettext(paragraph) for paragraph in english)


def start_paragraphs() -> Iterator[str]:
    """Every paragraph that a campaign of any kind starts with, in English."""
    for texts in (*TEXTS.values(), IMAGE_SCORE, METHOD_PAIR):
        for text in astuple(texts):
            yield from _paragraphs(text)


@cache
def _known() -> Mapping[str, str]:
    """The English of every start paragraph, by what it is in any language."""
    english = {}
    for paragraph in start_paragraphs():
        for language in PageLanguage:
            with translation.override(language):
                english[gettext(paragraph)] = paragraph
    return english


def _paragraphs(text: str) -> list[str]:
    """Browsers send other line ends than they were given."""
    return text.replace("\r\n", "\n").strip().split(PARAGRAPH)
