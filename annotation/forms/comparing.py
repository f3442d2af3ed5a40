"""What a campaign judges and of which systems: the form's fields, and what of them fits together."""

from typing import Any, Final

from django import forms

from annotation.choices import Pairing, PairOf, ScoreOf, TaskKind
from annotation.sources import Material

MOST_SYSTEMS: Final = 20
# Of the form's names; which of them a kind of task has is in `task_kinds`.
NAMES: Final = ("score_of", "pair_of", "compared_runs", "methods", "pairing", "pairs_per_prompt")
NO_METHODS: Final = (
    "The run's maps were not taken apart by method. Do that first: “Take the maps apart” on the page of each "
    "image; a new run can do it for all of its images."
)


class ComparingForm(forms.Form):
    """The fields of a comparison. What is left out means: word maps, of the one run, every pair."""

    score_of = forms.ChoiceField(
        label="What is scored",
        choices=ScoreOf.choices,
        required=False,
        help_text="Whole images have no map beside them, no opt-outs and no punctuation marks as checks.",
    )
    pair_of = forms.ChoiceField(label="Shown side by side", choices=PairOf.choices)
    compared_runs = forms.TypedMultipleChoiceField(
        label="Compared with",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=(
            "Other finished runs of the same prompts, or pictures of other systems uploaded for them. "
            "Raters never see which is whose."
        ),
    )
    methods = forms.MultipleChoiceField(
        label="Map methods",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=(
            "Only where methods are compared: two or more of those by which the maps were taken apart. Words "
            "without a concept have no maps of chosen heads: they are left out and named on the draft’s page."
        ),
    )
    pairing = forms.ChoiceField(
        label="Which systems meet",
        choices=Pairing.choices,
        required=False,
        help_text="The first is the campaign's own run, or the first method.",
    )
    pairs_per_prompt = forms.IntegerField(
        label="Pairs of systems for one prompt",
        required=False,
        min_value=1,
        max_value=MOST_SYSTEMS * (MOST_SYSTEMS - 1) // 2,
        help_text=(
            "Leave empty for all that meet. With fewer, prompts take the pairs in turn, so that each pair of "
            "systems is met equally often."
        ),
    )

    def offer(self, material: Material, *, task_kind: TaskKind) -> None:
        """Makes the material's runs and methods the choices."""
        self.material, self.task_kind = material, task_kind
        if "compared_runs" in self.fields:
            self.fields["compared_runs"].choices = material.comparable  # type: ignore[attr-defined]
        if "methods" in self.fields:
            self.fields["methods"].choices = [(name, name) for name in material.methods]  # type: ignore[attr-defined]
            if not material.methods:
                self.fields["methods"].help_text = NO_METHODS

    @property
    def judges_images(self) -> bool:
        """Whether whole images are judged, by what was entered."""
        entered = self.cleaned_data.get
        return entered("score_of") == ScoreOf.IMAGES or entered("pair_of") == PairOf.IMAGES

    @property
    def systems(self) -> int:
        """How many systems were chosen."""
        chosen = self.cleaned_data.get
        return len(chosen("methods") or ()) or 1 + len(chosen("compared_runs") or ())

    @property
    def items_of_one(self) -> int:
        """How many items one prompt's picture, or one of its words, makes."""
        systems, is_pair = self.systems, self.task_kind == TaskKind.PAIRWISE
        if not is_pair:
            return systems
        star = self.cleaned_data.get("pairing") == Pairing.FIRST
        pairs = systems - 1 if star else systems * (systems - 1) // 2
        return min(pairs, self.cleaned_data.get("pairs_per_prompt") or pairs)

    def clean(self) -> dict[str, Any]:
        """The entries as they fit together; what does not is said beside its field."""
        entered: dict[str, Any] = super().clean() or self.cleaned_data
        if "score_of" in self.fields:
            entered["score_of"] = entered.get("score_of") or ScoreOf.WORD_MAPS.value
        if "pairing" in self.fields:
            entered["pairing"] = entered.get("pairing") or Pairing.ALL.value
        by_method = PairOf.METHODS.value in (entered.get("score_of"), entered.get("pair_of"))
        runs, methods = entered.get("compared_runs") or [], entered.get("methods") or []
        if by_method:
            self._judge_methods(runs=len(runs), methods=len(methods))
        else:
            if methods:
                self.add_error("methods", "Methods are compared only where they are what is shown. Untick.")
            if self.task_kind == TaskKind.PAIRWISE and not runs and "compared_runs" not in self.errors:
                self.add_error("compared_runs", "Choose a run to compare with: a pair needs two systems.")
        if len(runs) >= MOST_SYSTEMS:
            self.add_error("compared_runs", f"Choose at most {MOST_SYSTEMS - 1} runs; these are {len(runs)}.")
        return entered

    def _judge_methods(self, *, runs: int, methods: int) -> None:
        if runs:
            self.add_error("compared_runs", "Methods are compared within one run. Untick the other runs.")
        if not self.material.methods:
            self.add_error("methods", NO_METHODS)
        elif methods < 2 and "methods" not in self.errors:
            self.add_error("methods", "Tick two methods or more: a comparison needs two systems.")
