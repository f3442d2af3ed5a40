"""What is asked of the model: prompt sets, prompts, and the words whose maps will be rated."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from generation.choices import PartOfSpeech
from generation.models.owned import OwnedQuerySet
from generation.models.projects import Project


class PromptSetQuerySet(OwnedQuerySet):
    """Prompt sets of a researcher's projects."""


class PromptWordQuerySet(OwnedQuerySet):
    """Words in a researcher's prompts."""

    project_path = "prompt__prompt_set__project"


class PromptSet(models.Model):
    """One imported file of prompts, complete or not imported at all."""

    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        related_name="prompt_sets",
        help_text="Who may see the prompts, and everything that is made from them.",
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="prompt_sets")
    name = models.CharField(max_length=120)
    source_name = models.CharField(max_length=255, help_text="Name of the imported file.")
    source_sha256 = models.CharField(max_length=64, help_text="SHA-256 of the imported bytes.")
    parser = models.CharField(
        max_length=120, help_text="The language model that found the words, with its version."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptSetQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name


class Prompt(models.Model):
    """One prompt, with any further columns of its row kept as they came."""

    prompt_set = models.ForeignKey(PromptSet, on_delete=models.CASCADE, related_name="prompts")
    row_number = models.PositiveIntegerField(help_text="Line of the file, as an editor counts.")
    text = models.CharField(max_length=1000)
    extra = models.JSONField(default=dict, blank=True, help_text="Other columns of the row, by name.")

    class Meta:
        ordering = ["prompt_set", "row_number"]
        constraints = [
            models.UniqueConstraint(fields=["prompt_set", "row_number"], name="prompt_row_once_per_set"),
            models.UniqueConstraint(fields=["prompt_set", "text"], name="prompt_text_once_per_set"),
            models.CheckConstraint(condition=~Q(text=""), name="prompt_text_not_empty"),
        ]

    def __str__(self) -> str:
        return self.text


class PromptWord(models.Model):
    """One word or punctuation mark of a prompt, by character offsets (end exclusive)."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="words")
    position = models.PositiveSmallIntegerField(help_text="0 for the first word of the prompt.")
    text = models.CharField(max_length=200)
    start = models.PositiveSmallIntegerField()
    end = models.PositiveSmallIntegerField()
    part_of_speech = models.CharField(max_length=5, choices=PartOfSpeech)
    part_of_speech_parsed = models.CharField(
        max_length=5, choices=PartOfSpeech, help_text="What the parser said; differs once corrected by hand."
    )
    lemma = models.CharField(max_length=200)
    dependency = models.CharField(max_length=32, help_text="Universal dependency relation to the head.")
    head_position = models.PositiveSmallIntegerField(help_text="Position of the head; its own for the root.")

    objects = PromptWordQuerySet.as_manager()

    class Meta:
        ordering = ["prompt", "position"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "position"], name="word_position_once_per_prompt"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="word_has_characters"),
        ]

    def __str__(self) -> str:
        return self.text
