"""A campaign as one file: TOML or JSON in, a draft out. The form is the one place that judges the values.

The page, the command line and the API all end here, so a campaign that one of them refuses is refused by all
of them with the same words.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from annotation import known_answers, sources
from annotation.choices import TaskKind
from annotation.forms.campaign_starts import initial_for_new, initial_from
from annotation.forms.campaigns import CampaignForm
from annotation.forms.task_kinds import LEFT_OUT
from annotation.models import Campaign
from annotation.services import campaigns, known_things
from annotation.services.campaigns import CampaignSpec
from generation.models import Run

LONGEST: Final = 256 * 1024
RUN: Final = "run"
KNOWN: Final = "known_answers"
KIND: Final = "task_kind"
LONGEST_NAME: Final = 120
# Python refuses to read thousands of digits.
_TOO_LONG: Final = "A number has thousands of digits. Give one of at most 18."
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with one field, and how to mend it. field: empty for the file as a whole."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class SpecificationRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """No campaign was made. faults: every one that was found."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def read(content: bytes, *, name: str) -> Values:
    """The values of a file. name: ends in .toml or .json.

    Raises SpecificationRefused for what is no table of values: broken syntax, a key twice, NaN, too large.
    """
    if len(content) > LONGEST:
        raise _refused(f"The file is larger than {LONGEST // 1024} kB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("The file is not UTF-8 text. Save it as UTF-8.") from None
    readers: dict[str, Callable[[str], Any]] = {".toml": _toml, ".json": _json}
    reader = next((reader for ending, reader in readers.items() if name.lower().endswith(ending)), None)
    if reader is None:
        raise _refused("The file's name must end in .toml or .json.")
    values = reader(text)
    if not isinstance(values, dict):
        raise _refused("The file must hold one table of names and values.")
    return values


def create(owner: User, values: Mapping[str, Any]) -> Campaign:
    """A new draft from values by the names of the form's fields, and `run`, the number of a finished run.

    `known_answers` are tables with the columns of the file of known answers. What is not given is as the page
    starts with. Raises SpecificationRefused with every fault.
    """
    run = _run(owner, values.get(RUN))
    kind = _kind(values.get(KIND, TaskKind.OPINION_SCORE.value))
    material = sources.material_of(run, among=Run.objects.editable_by(owner))
    judged = values.get("pair_of" if kind == TaskKind.PAIRWISE else "score_of", "")
    start = initial_for_new(
        run_name=run.name,
        word_counts=material.word_counts,
        task_kind=kind,
        judged=judged if isinstance(judged, str) else "",
    )
    form = _filled(values, start=start, blank=CampaignForm(material=material, task_kind=kind))
    with transaction.atomic():
        made = campaigns.create_campaign(owner, spec_of(form, run=run))
        return _with_known(made, values.get(KNOWN, []), owner=owner)


def change(draft: Campaign, values: Mapping[str, Any], *, actor: User) -> Campaign:
    """The draft with these values; what is not given stays as it is. All of it or nothing.

    Raises SpecificationRefused with every fault, also for another run or kind, which a draft keeps;
    CampaignMoved once it has opened.
    """
    kept = {RUN: draft.run_id, KIND: draft.task_kind}
    moved = [name for name in kept if name in values and values[name] != kept[name]]
    if moved:
        message = "A draft keeps its run and its kind. Make another campaign from it."
        raise SpecificationRefused(*(Fault(field=name, message=message) for name in moved))
    kind = TaskKind(draft.task_kind)
    material = sources.material_of(draft.run, among=Run.objects.editable_by(actor))
    blank = CampaignForm(material=material, task_kind=kind)
    form = _filled(values, start=of_campaign(draft), blank=blank)
    with transaction.atomic():
        changed = campaigns.update_draft(draft, spec_of(form, run=draft.run), actor=actor)
        return _with_known(changed, values[KNOWN], owner=actor) if KNOWN in values else changed


def again(owner: User, campaign: Campaign, changes: Mapping[str, Any]) -> Campaign:
    """A new draft like the campaign, whatever its state, but for the changes. Raises SpecificationRefused."""
    name = f"{campaign.name}, again"[:LONGEST_NAME]
    return create(owner, {**of_campaign(campaign), "name": name, **changes})


def of_campaign(campaign: Campaign) -> Values:
    """The values from which `create` makes the same campaign again, whatever its state."""
    counts = sources.word_counts(campaign.run)
    values = initial_from(campaign, word_counts=counts)
    left_out = LEFT_OUT[TaskKind(campaign.task_kind)]
    known = {KNOWN: campaign.known_answers} if campaign.known_answers else {}
    return (
        {RUN: campaign.run_id, KIND: campaign.task_kind}
        | {name: value for name, value in values.items() if value is not None and name not in left_out}
        | known
    )


def as_toml(values: Mapping[str, Any]) -> str:
    """The values as TOML. Strings are written as JSON writes them, which TOML reads the same."""
    lines = [f"{name} = {_toml_value(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def spec_of(form: CampaignForm, *, run: Run) -> CampaignSpec:
    """A valid form's entries in the units of the table."""
    entered = dict(form.cleaned_data)
    entered["share_cap"] = entered.pop("share_cap_percent") / 100
    entered["lease_seconds"] = entered.pop("lease_minutes") * 60
    for name in ("parts_of_speech", "methods"):
        if name in entered:
            entered[name] = tuple(entered[name])
    if "compared_runs" in entered:
        entered["compared_run_ids"] = tuple(entered.pop("compared_runs"))
    no_checks = {"checks_per_rater": 0, "checks_allowed_wrong": 0}
    return CampaignSpec(run_id=run.pk, task_kind=form.task_kind.value, **(no_checks | entered))


def _filled(values: Mapping[str, Any], *, start: Mapping[str, Any], blank: CampaignForm) -> CampaignForm:
    """The valid form with these values over those it starts with; null leaves a field empty that may be.

    Raises SpecificationRefused.
    """
    empty = {
        name for name, field in blank.fields.items() if not field.required and values.get(name, 0) is None
    }
    given = {name: value for name, value in values.items() if name not in (RUN, KIND, KNOWN, *empty)}
    faults = [
        *(Fault(field=name, message=_unknown(blank)) for name in given if name not in blank.fields),
        *(
            Fault(field=name, message=fault)
            for name, value in given.items()
            if name in blank.fields and (fault := _wrong_type(blank.fields[name], value))
        ),
    ]
    if faults:
        raise SpecificationRefused(*faults)
    entries = {name: value for name, value in start.items() if name in blank.fields and name not in empty}
    entries |= given
    form = CampaignForm(_as_posted(blank, entries), material=blank.material, task_kind=blank.task_kind)
    if not form.is_valid():
        raise SpecificationRefused(*_faults_of(form))
    return form


def _with_known(draft: Campaign, values: Any, *, owner: User) -> Campaign:
    """The draft with its known answers. Raises SpecificationRefused with every fault."""
    answers, faults = known_answers.read_values(values, sought=known_things.sought_of(draft))
    if faults:
        raise SpecificationRefused(
            *(Fault(field=f"{KNOWN}{place}", message=message) for place, message in faults.items())
        )
    if not answers and not draft.known_answers:
        return draft
    try:
        return campaigns.mark_known(draft, answers, actor=owner)
    except campaigns.KnownAnswersRefused as refused:
        misfits = (Fault(field=KNOWN, message=f"{fault}.") for fault in refused.faults)
        raise SpecificationRefused(*misfits) from None


def _refused(message: str) -> SpecificationRefused:
    return SpecificationRefused(Fault(field="", message=message))


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _refused(f"The file is not TOML: {str(error)[:200]}.") from None
    except ValueError:
        raise _refused(_TOO_LONG) from None


def _json(text: str) -> Any:
    try:
        values = json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_constant)
        json.dumps(values, ensure_ascii=False).encode()
    except (json.JSONDecodeError, RecursionError) as error:
        raise _refused(f"The file is not JSON: {str(error)[:200]}.") from None
    except UnicodeEncodeError:
        raise _refused("A text holds half of a surrogate pair. Leave it out.") from None
    except ValueError:
        raise _refused(_TOO_LONG) from None
    return values


def _once_each(pairs: list[tuple[str, Any]]) -> Values:
    found: Values = {}
    for name, value in pairs:
        if name in found:
            raise _refused(f"The name {name[:40]!a} comes twice.")
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise _refused(f"{name} is not a number that JSON knows.")


def _run(owner: User, number: Any) -> Run:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 2**63:
        fault = Fault(field=RUN, message="Give the number of a finished run, as its page shows it.")
        raise SpecificationRefused(fault)
    found: Run | None = sources.finished_runs(Run.objects.editable_by(owner)).filter(pk=number).first()
    if found is None:
        fault = Fault(field=RUN, message=f"There is no finished run {number} that you may use.")
        raise SpecificationRefused(fault)
    return found


def _kind(value: Any) -> TaskKind:
    if value not in TaskKind.values:
        raise SpecificationRefused(
            Fault(field=KIND, message=f"Give one of the kinds {', '.join(TaskKind.values)}.")
        )
    return TaskKind(value)


def _unknown(form: CampaignForm) -> str:
    known = ", ".join([RUN, KIND, KNOWN, *form.fields])
    return f"A campaign of the kind {form.task_kind.value} has no such field. It has: {known}."


def _wrong_type(field: forms.Field, value: Any) -> str:
    """What a value should have been; empty where its type is right. The form judges the value itself."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(field, forms.MultipleChoiceField):
        right = isinstance(value, list) and all(isinstance(part, str) for part in value)
        return "" if right else "Give a list of texts."
    if isinstance(field, forms.BooleanField):
        return "" if isinstance(value, bool) else "Give true or false."
    if isinstance(field, forms.DecimalField):
        return "" if is_number or isinstance(value, str) else "Give an amount, such as 2.50."
    if isinstance(field, forms.FloatField):
        return "" if is_number else "Give a number."
    if isinstance(field, forms.IntegerField):
        return "" if is_number and not isinstance(value, float) else "Give a whole number."
    return "" if isinstance(value, str) else "Give a text."


def _as_posted(form: CampaignForm, values: Mapping[str, Any]) -> Values:
    """The values as a browser would have sent them."""
    posted: Values = {}
    for name, value in values.items():
        if isinstance(form.fields[name], forms.BooleanField):
            if value:
                posted[name] = "on"
        elif isinstance(value, list | tuple):
            posted[name] = list(value)
        else:
            posted[name] = str(value)
    return posted


def _faults_of(form: CampaignForm) -> list[Fault]:
    return [
        Fault(field="" if name == "__all__" else name, message=str(message))
        for name, messages in form.errors.items()
        for message in messages
    ]


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(part) for part in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml_value(part)}" for name, part in value.items()) + "}"
    # JSON leaves DEL as it is, and TOML forbids it.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
