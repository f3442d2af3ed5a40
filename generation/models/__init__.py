"""Tables of generation: projects, prompts and their words, runs, images, word maps, requests for
more maps."""

from generation.models.api_tokens import ApiToken
from generation.models.images import Image, WordMap
from generation.models.map_requests import MapRequest
from generation.models.projects import Membership, Project, ProjectAct
from generation.models.prompts import Prompt, PromptSet, PromptWord
from generation.models.runs import Run, RunAct

__all__ = [
    "ApiToken",
    "Image",
    "MapRequest",
    "Membership",
    "Project",
    "ProjectAct",
    "Prompt",
    "PromptSet",
    "PromptWord",
    "Run",
    "RunAct",
    "WordMap",
]
