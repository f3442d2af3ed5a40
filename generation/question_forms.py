"""Forms of questions about pictures, and of how an image's maps are taken apart."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib.auth.models import AnonymousUser, User

from generation.attribution.chosen_heads import concept_of
from generation.attribution.level_intervals import FEWEST_LEVELS
from generation.attribution.relevance import HeadRelevance
from generation.attribution.words import split_words
from generation.concept_lines import ConceptLinesRefused, read_lines
from generation.fingerprints import FingerprintError
from generation.forms import MAX_SEED, WholeNumberField
from generation.models import Image, Project, PromptWord
from generation.prompts import text_faults
from generation.registry import ModelSpec, available
from generation.services.map_requests import Question
from generation.uploaded_pictures import (
    LONGEST_FILE,
    LONGEST_SIDE,
    SHORTEST_SIDE,
    PicturesRefused,
    UploadedFile,
    read_one,
)

MOST_WORDS: Final = 40
MOST_CAPTIONS: Final = 4
MOST_LEVELS: Final = 200
USUAL_LEVELS: Final = 50
BY_RULE: Final = "rule"
FULL: Final = (
    "The picture could not be stored: no space is left on the media disk. Tell who runs this server."
)


class CaptionForm(forms.Form):
    """What a picture shows, and how it is asked about."""

    caption = forms.CharField(
        max_length=1000,
        label="Caption",
        help_text="What the picture shows. Every word gets its maps; at most 40 words.",
    )
    others = forms.CharField(
        required=False,
        label="Compare with",
        help_text="Other captions, one a line, at most four: which does the model think fits best?",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    model = forms.ChoiceField(label="Model")
    levels = WholeNumberField(
        min_value=FEWEST_LEVELS,
        max_value=MOST_LEVELS,
        initial=USUAL_LEVELS,
        label="Noise levels",
        help_text=f"{FEWEST_LEVELS} to {MOST_LEVELS}. More take longer and lower the standard error.",
    )
    seed = WholeNumberField(min_value=0, max_value=MAX_SEED, initial=0, label="Seed")
    concepts = forms.CharField(
        required=False,
        max_length=4000,
        label="Heads",
        help_text=(
            "Whose heads speak for a word, one a line: “red = colours”, or “red =” for none. A word that is "
            "left out takes the concept in whose list it stands; of models with head relevance vectors only."
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Models of flow matching have no trained noise levels to ask at.
        self.models = {spec.id: spec for spec in available() if not spec.is_flow}
        self.fields["model"].choices = [  # type: ignore[attr-defined]
            (spec.id, f"{spec.id}: {spec.description}" if spec.description else spec.id)
            for spec in self.models.values()
        ]
        for name in ("levels", "seed"):
            self.fields[name].widget.attrs["inputmode"] = "numeric"

    def clean_caption(self) -> str:
        """One line of ordinary characters with words that can be asked about."""
        caption: str = " ".join(self.cleaned_data["caption"].split())
        _refuse(text_faults(caption))
        words = len(split_words(caption))
        if words > MOST_WORDS:
            raise forms.ValidationError(
                f"{words} words; at most {MOST_WORDS} can be asked about. Shorten it."
            )
        return caption

    def clean_others(self) -> tuple[str, ...]:
        """The captions, one a line."""
        lines = [" ".join(line.split()) for line in self.cleaned_data["others"].splitlines()]
        others = tuple(line for line in lines if line)
        if len(others) > MOST_CAPTIONS:
            raise forms.ValidationError(f"{len(others)} captions; at most {MOST_CAPTIONS}. Leave some out.")
        for other in others:
            _refuse(text_faults(other))
        return others

    def clean(self) -> dict[str, Any]:
        """Refuses captions that stand twice, and concepts that the model doesn't have."""
        cleaned = super().clean() or {}
        captions = [cleaned.get("caption", ""), *cleaned.get("others", ())]
        if len(set(captions)) < len(captions):
            self.add_error("others", "A caption stands twice. Give other ones.")
        if cleaned.get("caption") and cleaned.get("model"):
            try:
                cleaned["concepts"] = read_lines(
                    cleaned.get("concepts", ""), caption=cleaned["caption"], model=self.model_spec
                )
            except ConceptLinesRefused as refused:
                self.add_error("concepts", forms.ValidationError(refused.faults))
            except FingerprintError as fault:
                self.add_error("model", str(fault))
        return cleaned

    @property
    def model_spec(self) -> ModelSpec:
        """The model that was chosen."""
        return self.models[self.cleaned_data["model"]]

    def question(self, *, png: bytes, image: Image | None = None) -> Question:
        """What was asked about a picture."""
        cleaned = self.cleaned_data
        return Question(
            png=png,
            caption=cleaned["caption"],
            others=cleaned["others"],
            levels=cleaned["levels"],
            seed=cleaned["seed"],
            image=image,
            concepts=cleaned["concepts"],
        )


class QuestionForm(CaptionForm):
    """The same, with a picture of one's own, in one of the user's projects."""

    project = forms.ModelChoiceField(queryset=Project.objects.none(), label="Project", empty_label=None)
    picture = forms.FileField(
        label="Picture",
        help_text=f"PNG, JPEG or WebP of at most {LONGEST_FILE // 2**20} MB, sides of {SHORTEST_SIDE} to "
        f"{LONGEST_SIDE} pixels. All of it is read, at about as many pixels as the model’s own images have.",
        widget=forms.ClearableFileInput(
            attrs={"accept": ".png,.jpg,.jpeg,.webp,image/png,image/jpeg,image/webp"}
        ),
    )
    field_order = ["picture", "caption", "others", "model", "levels", "seed", "concepts", "project"]

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = Project.objects.editable_by(user)  # type: ignore[attr-defined]

    def clean_picture(self) -> bytes:
        """The picture, encoded anew, as PNG."""
        given = self.cleaned_data["picture"]
        file = UploadedFile(name=given.name or "", content=given.read(LONGEST_FILE + 1))
        try:
            return read_one(file).png
        except PicturesRefused as refused:
            raise forms.ValidationError([problem.remedy for problem in refused.problems]) from refused


class ConceptsForm(forms.Form):
    """Whose heads speak for each word: its own concept by the rule, another one, or none."""

    def __init__(
        self,
        words: Sequence[PromptWord],
        relevance: HeadRelevance | None,
        data: Any = None,
        *,
        fault: str = "",
    ) -> None:
        """fault: why the model's vectors can't be used, where it should have some."""
        super().__init__(data)
        self.fault = fault
        self.words = list(words) if relevance is not None else []
        for word in self.words:
            by_rule = concept_of(relevance, word=word.text, lemma=word.lemma) if relevance else ""
            self.fields[f"concept-{word.position}"] = forms.ChoiceField(
                choices=[
                    (BY_RULE, f"as listed: {by_rule or 'none'}"),
                    ("", "none"),
                    *((name, name) for name in (relevance.concepts if relevance else ())),
                ],
                initial=BY_RULE,
                required=False,
                label=word.text,
            )

    @property
    def chosen(self) -> dict[int, str]:
        """Concepts that somebody chose, by word position; "" for none."""
        found = {word.position: self.cleaned_data[f"concept-{word.position}"] for word in self.words}
        # A field that was not sent is left to the rule.
        sent = {position for position in found if f"concept-{position}" in self.data}
        return {
            position: concept
            for position, concept in found.items()
            if concept != BY_RULE and position in sent
        }


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise forms.ValidationError(list(faults))
