"""The campaign form: what it asks, within which bounds, and what it starts with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField

from annotation import wording
from annotation.choices import PageLanguage, ScoreOf, TaskKind
from annotation.effort import Effort, effort
from annotation.forms import choosing, task_kinds
from annotation.forms.addresses import ReturnAddressField
from annotation.forms.adjudicating import AdjudicatingForm
from annotation.forms.comparing import ComparingForm
from annotation.forms.form_sections import SECTIONS
from annotation.forms.managing import ManagingForm
from annotation.practice import FEWEST_ATTEMPTS, MOST_ATTEMPTS
from annotation.sources import Material, narrowed
from generation.choices import PartOfSpeech

MOST_ITEMS: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class Section:
    """Fields that belong together on the page."""

    title: str
    lead: str
    fields: tuple[BoundField, ...]

    @property
    def only_numbers(self) -> bool:
        """Whether the fields are short enough to stand side by side."""
        return all(isinstance(field.field, forms.IntegerField) for field in self.fields)


WHERE_EMPTY: Final = {
    "repeat_tolerance": 1, "repeat_overlap_percent": 50, "places_kept": 5, "pass_mark_percent": 80,
    "practice_attempts": 2,
}  # fmt: skip
CHECKS: Final = ("checks_per_rater", "known_per_rater", "instructed_per_rater", "repeats_per_rater")


NO_WORDS: Final = "Choose at least one part of speech: without words there is nothing to rate."


class EffortForm(ComparingForm):
    """The fields that decide how much work a campaign is."""

    parts_of_speech = forms.MultipleChoiceField(
        label="Words to rate",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Every map of such a word becomes an item. For whole images, words don't matter.",
    )
    prompt_filter = choosing.PromptFilterField()
    items_limit = forms.IntegerField(
        label="At most so many items",
        required=False,
        min_value=1,
        max_value=MOST_ITEMS,
        help_text="Leave empty for all of them. A smaller number is drawn at random, by the campaign's seed.",
    )
    raters_per_item = forms.IntegerField(
        label="Raters per item",
        min_value=1,
        max_value=100,
        help_text="Every item gets exactly so many answers. Three is usual; more make intervals narrower.",
    )
    items_per_rater = forms.IntegerField(
        label="Most ratings in one session",
        min_value=1,
        max_value=10_000,
        help_text="A rater leaves with the completion code after so many.",
    )
    share_cap_percent = forms.FloatField(
        label="Largest share of one rater, in percent",
        min_value=0.1,
        max_value=100,
        help_text="No rater gives more than this share of all ratings. Tang et al. (2023) report 18.",
    )
    seconds_per_item = forms.FloatField(
        label="Expected seconds per answer",
        min_value=1,
        max_value=600,
        help_text="Only for the time that you and the raters are told.",
    )
    known_per_rater = forms.IntegerField(
        label="Items with a known answer",
        required=False,
        min_value=0,
        max_value=50,
        help_text="Drawn from those that you mark on the draft's page of known answers.",
    )
    instructed_per_rater = forms.IntegerField(
        label="Items that say what to answer",
        required=False,
        min_value=0,
        max_value=10,
        help_text="Their question names the answer to choose, so that they test reading alone.",
    )
    repeats_per_rater = forms.IntegerField(
        label="Items asked again",
        required=False,
        min_value=0,
        max_value=20,
        help_text="Chosen from what the rater has answered herself, some tasks before.",
    )
    checks_per_rater = forms.IntegerField(
        label="Punctuation marks",
        min_value=0,
        max_value=50,
        help_text="Nobody can see a full stop in an image: a score or a drawing of one is wrong.",
    )

    def __init__(
        self, *args: Any, material: Material, task_kind: str = TaskKind.OPINION_SCORE.value, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.word_counts = word_counts = material.word_counts
        self.fields["parts_of_speech"].choices = [  # type: ignore[attr-defined]
            (part.value, f"{part.label} ({word_counts[part.value]:,})")
            for part in PartOfSpeech
            if part is not PartOfSpeech.PUNCT and word_counts.get(part.value)
        ]
        for name in task_kinds.LEFT_OUT[TaskKind(task_kind)]:
            self.fields.pop(name, None)
        self.offer(material, task_kind=TaskKind(task_kind))

    def clean(self) -> dict[str, Any]:
        """Words are needed wherever they are judged."""
        entered = super().clean()
        asked = "parts_of_speech" in self.fields and "parts_of_speech" not in self.errors
        if asked and not entered.get("parts_of_speech") and not self.judges_images:
            self.add_error("parts_of_speech", NO_WORDS)
        return entered

    @property
    def check_words(self) -> int:
        """Punctuation marks in the run: as many different attention checks can be asked."""
        if self.cleaned_data.get("score_of", ScoreOf.WORD_MAPS) != ScoreOf.WORD_MAPS:
            return 0
        return self.word_counts.get(PartOfSpeech.PUNCT.value, 0)

    def effort(self) -> Effort | None:
        """What the entries add up to; None while one of them is missing or out of bounds."""
        if not self.is_valid():
            return None
        chosen = self.cleaned_data
        offered = self._offered(chosen) * self.items_of_one
        if not offered:
            return None
        return effort(
            items=min(offered, chosen["items_limit"] or offered),
            raters_per_item=chosen["raters_per_item"],
            share_cap=chosen["share_cap_percent"] / 100,
            items_per_rater=chosen["items_per_rater"],
            checks_per_rater=sum(chosen.get(name) or 0 for name in CHECKS),
            seconds_per_item=chosen["seconds_per_item"],
        )

    def _offered(self, chosen: Mapping[str, Any]) -> int:
        """Items that the run has; of a comparison at most so many, where the other run has them too."""
        material = narrowed(self.material, chosen.get("prompt_filter") or {})
        if self.task_kind == TaskKind.OBJECT_PRESENCE or self.judges_images:
            return material.images
        return sum(material.word_counts.get(part, 0) for part in chosen["parts_of_speech"])


class CampaignForm(ManagingForm, AdjudicatingForm, EffortForm):
    """Everything that a researcher decides before a campaign opens, of what its kind asks for."""

    vocabulary = task_kinds.VocabularyField()
    stratify_by = choosing.StrataField()
    language = forms.ChoiceField(
        label="Language of the raters' pages",
        choices=PageLanguage.choices,
        required=False,
        help_text="Of buttons and messages, and of those texts below that are as they start.",
    )

    name = forms.CharField(max_length=120, label="Name", help_text="For you. Raters never see it.")
    title = forms.CharField(max_length=120, label="Title", help_text="What raters see at the top.")
    question = forms.CharField(max_length=300, label="Question", help_text="Asked beside every image.")
    instructions = forms.CharField(
        max_length=10_000,
        label="Instructions",
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Shown before the first task, and one key away in every task.",
    )
    consent_text = forms.CharField(
        max_length=20_000,
        label="Consent text",
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="A rater agrees to exactly this text before the first task. Ethics boards have their own.",
    )
    contact = forms.CharField(
        max_length=200,
        label="Contact",
        help_text="Where a rater can turn with a question: a name and an address.",
    )
    repeat_tolerance = forms.IntegerField(
        label="Points a repeated score may differ",
        required=False,
        min_value=0,
        max_value=4,
        help_text="One point is human; an opt-out has to come again as it was.",
    )
    repeat_overlap_percent = forms.IntegerField(
        label="Least overlap of a repeated answer, in percent",
        required=False,
        min_value=1,
        max_value=100,
        help_text="Of two checklists the words in both, of all in either; of two masks the area.",
    )
    pass_mark_percent = forms.IntegerField(
        label="Pass mark of the qualification, in percent",
        required=False,
        min_value=1,
        max_value=100,
        help_text="Who gets fewer right in every attempt is thanked, and leaves with the code for it.",
    )
    practice_attempts = forms.IntegerField(
        label="Attempts",
        required=False,
        min_value=FEWEST_ATTEMPTS,
        max_value=MOST_ATTEMPTS,
        help_text="At a training item, and at the whole qualification. Platforms ask for two or more.",
    )
    checks_allowed_wrong = forms.IntegerField(
        label="Wrong checks allowed",
        min_value=0,
        max_value=50,
        help_text="A rater with more is left out of the analysis. It does not decide about payment.",
    )
    places_kept = forms.IntegerField(
        label="Places kept for one rater",
        required=False,
        min_value=0,
        max_value=50,
        help_text=(
            "From consent on, and anew as they are used, so that nobody who has agreed comes too late. They "
            "are free again when she leaves or is away longer than a task waits. With 0 the last places may "
            "go to others before her first task."
        ),
    )
    lease_minutes = forms.IntegerField(
        label="Minutes that a task waits for its rater",
        min_value=1,
        max_value=1440,
        help_text="After that, somebody else may get it.",
    )
    completion_code = forms.RegexField(
        r"^[A-Za-z0-9_-]{4,64}$",
        label="Completion code",
        help_text="Shown to a rater at the end. Paste your platform's code, or keep this one.",
        error_messages={"invalid": "Use 4 to 64 letters, digits, - or _, without spaces."},
    )
    no_consent_code = forms.RegexField(
        r"^[A-Za-z0-9_-]{4,64}$",
        required=False,
        label="Code for declined consent",
        help_text="Shown to somebody who declines, if your platform has a code for that.",
        error_messages={"invalid": "Use 4 to 64 letters, digits, - or _, without spaces."},
    )
    screened_out_code = forms.RegexField(
        r"^[A-Za-z0-9_-]{4,64}$",
        required=False,
        label="Code for raters who don't qualify",
        help_text="Shown to a rater who does not pass the qualification, if there is one.",
        error_messages={"invalid": "Use 4 to 64 letters, digits, - or _, without spaces."},
    )
    completion_url = ReturnAddressField(
        label="Completion address",
        help_text="Where a finished rater is sent, e.g. Prolific's address with your code in it.",
    )
    no_consent_url = ReturnAddressField(
        label="Address for declined consent", help_text="Where somebody is sent who declines."
    )
    screened_out_url = ReturnAddressField(
        label="Address for raters who don't qualify",
        help_text="Where a rater is sent who does not pass the qualification.",
    )
    plain_link = forms.BooleanField(
        required=False,
        label="Let in anybody who has the plain link",
        help_text="Without it, only personal links and the links of recruitment platforms lead in.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["stratify_by"].offer(self.material.columns)  # type: ignore[attr-defined]

    def clean_language(self) -> str:
        """English where none is named."""
        return self.cleaned_data["language"] or PageLanguage.ENGLISH.value

    def clean(self) -> dict[str, Any]:
        """Checks that can all be wrong, checks without punctuation: said here, before anything is stored."""
        entered: dict[str, Any] = super().clean()
        for name in (*CHECKS, *WHERE_EMPTY):
            if entered.get(name, 0) is None:
                entered[name] = WHERE_EMPTY.get(name, 0)
        entered |= wording.following_language(entered)
        checks = sum(entered.get(name, 0) for name in CHECKS)
        allowed, marks = entered.get("checks_allowed_wrong"), entered.get("checks_per_rater", 0)
        if checks and allowed is not None and allowed >= checks:
            self.add_error(
                "checks_allowed_wrong",
                f"With {allowed} of {checks} allowed wrong, nobody can fail. Allow at most {checks - 1}.",
            )
        if marks > self.check_words:
            self.add_error(
                "checks_per_rater",
                "Only word maps as they are stored have punctuation marks to ask about. Ask for 0."
                if entered.get("score_of", ScoreOf.WORD_MAPS) != ScoreOf.WORD_MAPS
                else f"The run has {self.check_words} maps of punctuation marks and a rater meets each once, "
                f"so ask for at most {self.check_words}. Prompts that end with a full stop give more.",
            )
        if fault := choosing.filter_fault(entered.get("prompt_filter", {}), columns=self.material.columns):
            self.add_error("prompt_filter", fault)
        return entered

    def in_page_order(self) -> list[BoundField]:
        """The fields as they follow on the page, for the list of what is wrong."""
        shown = [field.name for section in self.sections() for field in section.fields]
        return [self[name] for name in (*shown, *(name for name in self.fields if name not in shown))]

    def sections(self) -> list[Section]:
        """The fields in the order of the page."""
        shown = [
            Section(title=title, lead=lead, fields=tuple(self[name] for name in names if name in self.fields))
            for title, lead, names in SECTIONS
        ]
        return [section for section in shown if section.fields]
