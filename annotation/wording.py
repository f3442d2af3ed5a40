"""The texts a new campaign starts with. A researcher may change every one before opening."""

from typing import Final

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

CONSENT: Final = "\n\n".join(
    (
        "You are invited to take part in a research study about images that a computer makes from text.",
        "What you will do: look at images with highlighted parts and say how well the highlighting fits "
        "one word. Some of the questions check that we have your attention.",
        "Taking part is voluntary. You can stop at any time by closing the page or with the Stop button; "
        "the answers you have given until then are kept unless you ask us to remove them.",
        "What we keep: your answers, when you gave them, and a code in place of your name. If you come "
        "from a recruitment platform, its id for you is kept apart from your answers and only as long as "
        "it takes to pay you. We keep no network address and set no cookies.",
        "The images may look odd or broken. There are no known risks beyond those of looking at a screen.",
    )
)
