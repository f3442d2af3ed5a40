"""The closed vocabularies of generation: roles, states and parts of speech."""

from django.db import models


class ProjectRole(models.TextChoices):
    """What a member may do in a project. Owners also decide who its members are."""

    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    VIEWER = "viewer", "Viewer"


class TokenScope(models.TextChoices):
    """What a token opens. Whatever its scopes, it opens no more than its researcher may do herself."""

    READ = "read", "Read projects, prompts, runs, campaigns and their progress"
    GENERATE = "generate", "Import prompts, start and steer runs"
    CAMPAIGNS = "campaigns", "Make, open, pause, extend and close campaigns; webhooks"
    REVIEW = "review", "Leave raters out of the analysis, give their places to others; adjudicate"
    PAY = "pay", "Decide whether raters are paid"
    RESULTS = "results", "Read results and download files"
    MEMBERS = "members", "Add and remove members of projects, change their roles"


class RunState(models.TextChoices):
    """Where a run stands. Only QUEUED runs hand out images to workers."""

    QUEUED = "queued", "Generating"
    PAUSED = "paused", "Paused"
    CANCELLED = "cancelled", "Cancelled"


class RunActKind(models.TextChoices):
    """What a person did to a run."""

    STARTED = "started", "Started"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"
    CANCELLED = "cancelled", "Cancelled"
    RETRIED = "retried", "Failed images tried again"


class ImageState(models.TextChoices):
    """Where one image stands. An image row is its own job: the broker is only a doorbell."""

    READY = "ready", "Waiting"
    LEASED = "leased", "Generating"
    DONE = "done", "Done"
    DEAD = "dead", "Failed"


class MapRequestKind(models.TextChoices):
    """What somebody asked for beyond the maps of a run."""

    EXPLORE = "explore", "Steps, layers and methods of an image"
    INFORM = "inform", "Information of a caption's words in a picture"


class MapRequestState(models.TextChoices):
    """Where a request stands. Like an image, the row is its own job."""

    READY = "ready", "Waiting"
    LEASED = "leased", "Working"
    DONE = "done", "Done"
    DEAD = "dead", "Failed"


class SafetyVerdict(models.TextChoices):
    """What the model's safety filter said about a finished image."""

    PASSED = "passed", "Passed"
    FILTERED = "filtered", "Filtered"
    UNCHECKED = "unchecked", "No filter in this model"


class PartOfSpeech(models.TextChoices):
    """Universal part-of-speech tags (universaldependencies.org/u/pos), as spaCy gives them."""

    ADJ = "ADJ", "adjective"
    ADP = "ADP", "adposition"
    ADV = "ADV", "adverb"
    AUX = "AUX", "auxiliary"
    CCONJ = "CCONJ", "coordinating conjunction"
    DET = "DET", "determiner"
    INTJ = "INTJ", "interjection"
    NOUN = "NOUN", "noun"
    NUM = "NUM", "numeral"
    PART = "PART", "particle"
    PRON = "PRON", "pronoun"
    PROPN = "PROPN", "proper noun"
    PUNCT = "PUNCT", "punctuation"
    SCONJ = "SCONJ", "subordinating conjunction"
    SYM = "SYM", "symbol"
    VERB = "VERB", "verb"
    X = "X", "other"
