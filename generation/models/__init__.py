"""Tables of generation: prompts and their words, runs, images, word maps."""

from generation.models.images import Image, WordMap
from generation.models.prompts import Prompt, PromptSet, PromptWord
from generation.models.runs import Run, RunAct

__all__ = ["Image", "Prompt", "PromptSet", "PromptWord", "Run", "RunAct", "WordMap"]
