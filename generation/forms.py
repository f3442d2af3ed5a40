"""Forms of prompts and runs."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.contrib.auth.models import AnonymousUser, User

from generation.choices import PartOfSpeech, ProjectRole
from generation.limits import refusal
from generation.models import Project, PromptSet, PromptWord
from generation.prompt_bytes import MAX_BYTES
from generation.registry import SCHEDULERS, GenerationSettings, ModelSpec, available
from generation.services.runs import RunSpec

DIGITS: Final = re.compile(r"-?[0-9]+")
DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MAX_SEED: Final = 2**63 - 1 - 1000
SIDE_STEP: Final = 8
SCHEDULER_NAMES: Final = {
    "dpm-solver-multistep": "DPM-Solver (multistep)",
    "pndm": "PNDM",
    "ddim": "DDIM",
    "euler": "Euler",
    "flow-match-euler": "Euler, flow matching (Stable Diffusion 3, Flux)",
}


class WholeNumberField(forms.IntegerField):
    """A whole number in ASCII digits: int() alone takes "1_000" and full-width digits."""

    def to_python(self, value: Any) -> int | None:
        """The number, or None where nothing was typed in."""
        if isinstance(value, str) and not DIGITS.fullmatch(value.strip()) and value.strip():
            raise forms.ValidationError("Write a whole number in digits.", code="invalid")
        return super().to_python(value)


class DecimalPointField(forms.FloatField):
    """A number in ASCII digits with at most a decimal point."""

    def to_python(self, value: Any) -> Any:
        """The number, or None where nothing was typed in."""
        if isinstance(value, str) and not DECIMAL.fullmatch(value.strip()) and value.strip():
            raise forms.ValidationError("Write a number such as 7.5.", code="invalid")
        return super().to_python(value)


class PromptFileForm(forms.Form):
    """A file of prompts, or the prompts themselves."""

    file = forms.FileField(
        required=False,
        label="File",
        help_text="CSV with a column named prompt, JSON Lines, or text with a prompt a line. At most 10 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.jsonl,.ndjson,text/csv,text/plain"}),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste prompts",
        help_text="One prompt a line.",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Exactly one of the two; `content` holds its bytes and `source_name` its name."""
        cleaned = super().clean() or {}
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if self.errors:
            return cleaned
        if bool(file) == bool(text.strip()):
            raise forms.ValidationError("Choose a file or paste prompts, one of the two.")
        if file and file.size > MAX_BYTES:
            raise forms.ValidationError(f"The file is larger than {MAX_BYTES // 2**20} MB. Split it.")
        cleaned["content"] = file.read() if file else text.encode()
        cleaned["source_name"] = file.name if file else "pasted.txt"
        return cleaned


class ProjectForm(forms.Form):
    """A project's name."""

    name = forms.CharField(max_length=120, label="Name")


class SystemForm(forms.Form):
    """What the system is called whose pictures are uploaded."""

    name = forms.CharField(
        max_length=120, label="Name of the system", help_text="For you. Raters never see it."
    )


class MemberForm(forms.Form):
    """A researcher with an account, and what she may do."""

    username = forms.CharField(max_length=150, label="Name they sign in with")
    role = forms.ChoiceField(
        choices=ProjectRole,
        initial=ProjectRole.MANAGER,
        label="Role",
        help_text="Viewers look and download. Managers also import, run, open, pay and close. Owners also "
        "decide about members.",
    )


class MoveForm(forms.Form):
    """Where prompts are to belong; only projects that the user may change."""

    project = forms.ModelChoiceField(queryset=Project.objects.none(), label="Project", empty_label=None)

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = Project.objects.editable_by(user)  # type: ignore[attr-defined]


class PromptSetForm(MoveForm):
    """The name of a prompt set about to be imported, and whose it will be: by default the user's own."""

    name = forms.CharField(max_length=120, label="Name of the prompt set")
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), label="Project", empty_label=None, required=False
    )
    field_order = ["name", "project"]


class WordsForm(forms.Form):
    """The parts of speech of one prompt's words, one choice per word."""

    def __init__(self, words: list[PromptWord], data: Any = None) -> None:
        super().__init__(data)
        self.words = words
        for word in words:
            self.fields[f"word-{word.pk}"] = forms.ChoiceField(
                choices=PartOfSpeech, initial=word.part_of_speech, label=word.text
            )

    def changed_words(self) -> list[tuple[PromptWord, PartOfSpeech]]:
        """Words whose part of speech differs from the stored one, with the chosen one."""
        chosen = [(word, PartOfSpeech(self.cleaned_data[f"word-{word.pk}"])) for word in self.words]
        return [(word, tag) for word, tag in chosen if tag != word.part_of_speech]


class RunForm(forms.Form):
    """A run: prompts, model, settings, seeds, within the joint limit on work."""

    name = forms.CharField(max_length=120, label="Name")
    prompt_set = forms.ModelChoiceField(queryset=PromptSet.objects.none(), label="Prompts")
    model = forms.ChoiceField(label="Model")
    images_per_prompt = WholeNumberField(min_value=1, max_value=1000, initial=1, label="Images per prompt")
    first_seed = WholeNumberField(
        min_value=0,
        max_value=MAX_SEED,
        initial=0,
        label="First seed",
        help_text="A prompt's images use this seed and the ones after it.",
    )
    steps = WholeNumberField(min_value=1, max_value=200, label="Steps")
    guidance = DecimalPointField(
        min_value=0, max_value=50, label="Guidance", help_text="1 or less switches guidance off."
    )
    scheduler = forms.ChoiceField(choices=[(name, SCHEDULER_NAMES.get(name, name)) for name in SCHEDULERS])
    width = WholeNumberField(min_value=SIDE_STEP, max_value=2048, step_size=SIDE_STEP, label="Width, pixels")
    height = WholeNumberField(
        min_value=SIDE_STEP, max_value=2048, step_size=SIDE_STEP, label="Height, pixels"
    )
    negative_prompt = forms.CharField(
        max_length=1000, required=False, label="Negative prompt", help_text="What the images should not show."
    )
    explored = forms.BooleanField(
        required=False,
        label="Take every image’s maps apart",
        help_text="Also keeps the maps of every step, every layer and eight methods side by side, chosen "
        "heads and information among them. Takes several times as long; a single image can be taken apart "
        "later, on its page.",
    )

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.models = {spec.id: spec for spec in available()}
        self.fields["prompt_set"].queryset = PromptSet.objects.editable_by(user)  # type: ignore[attr-defined]
        self.fields["model"].choices = [  # type: ignore[attr-defined]
            (spec.id, f"{spec.id}: {spec.description}" if spec.description else spec.id)
            for spec in self.models.values()
        ]
        for name in ("images_per_prompt", "first_seed", "steps", "width", "height"):
            self.fields[name].widget.attrs["inputmode"] = "numeric"

    def clean(self) -> dict[str, Any]:
        """Adds a refusal where prompts, images, pixels and steps together ask for too much."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        settings, model = self.generation_settings, self.models[cleaned["model"]]
        if reason := model.refusal(settings) or refusal(settings, images=self.images):
            raise forms.ValidationError(reason)
        return cleaned

    @property
    def images(self) -> int:
        """Images that the run would make."""
        prompt_set: PromptSet = self.cleaned_data["prompt_set"]
        return prompt_set.prompts.count() * int(self.cleaned_data["images_per_prompt"])

    @property
    def generation_settings(self) -> GenerationSettings:
        """The settings that were typed in."""
        cleaned = self.cleaned_data
        return GenerationSettings(
            steps=cleaned["steps"],
            guidance=cleaned["guidance"],
            scheduler=cleaned["scheduler"],
            height=cleaned["height"],
            width=cleaned["width"],
            negative_prompt=cleaned["negative_prompt"],
        )

    @property
    def model_spec(self) -> ModelSpec:
        """The model that was chosen."""
        return self.models[self.cleaned_data["model"]]

    @property
    def run_spec(self) -> RunSpec:
        """The run that was asked for."""
        cleaned = self.cleaned_data
        return RunSpec(
            name=cleaned["name"],
            prompt_set=cleaned["prompt_set"],
            model=self.model_spec,
            settings=self.generation_settings,
            images_per_prompt=cleaned["images_per_prompt"],
            first_seed=cleaned["first_seed"],
            explored=cleaned["explored"],
        )


def defaults_of(spec: ModelSpec) -> dict[str, Any]:
    """A model's own settings, as initial values of RunForm."""
    settings = spec.defaults
    return {
        "model": spec.id,
        "steps": settings.steps,
        "guidance": settings.guidance,
        "scheduler": settings.scheduler,
        "width": settings.width,
        "height": settings.height,
        "negative_prompt": settings.negative_prompt,
    }


def run_form(given: Mapping[str, Any], *, user: User, by: str) -> RunForm:
    """The form of a run with these values; what is not given is as the model's own settings say.

    given: by the form's fields.  by: the end of the run's name where none is given.
    """
    specs = {spec.id: spec for spec in available()}
    spec = specs.get(str(given.get("model") or next(iter(specs))))
    start: dict[str, Any] = {"images_per_prompt": 1, "first_seed": 0}
    if spec:
        start |= defaults_of(spec) | {"name": f"{spec.id}, {by}"[:120]}
    return RunForm({name: str(value) for name, value in (start | dict(given)).items()}, user=user)
