"""The demo: the founding rating study (Tang et al. 2023, sec. 3.2) in miniature, on the bundled model."""

import hashlib
import math
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from annotation import recruitment, wording
from annotation.choices import CampaignState, Platform
from annotation.models import Campaign
from annotation.queries import ratings_wanted
from annotation.services import campaigns
from annotation.services.entry import EntryRefusal, EntryRefused, enter
from generation import examples, parsing, prompts, queries, registry
from generation.choices import RunState
from generation.fingerprints import revision_of
from generation.models import Run
from generation.services.prompt_sets import SourceFile, import_prompts
from generation.services.runs import RunSpec, create_run, resume_run, retry_failed
from studies.simulated_raters import SimulatedRater, draw_raters

RESEARCHER = "researcher"
RUN = "Example prompts, bundled model"
STUDY = "Demo: rated by simulated raters"
OWN_STUDY = "Demo: rate it yourself"
IMAGES_PER_PROMPT = 2
RATERS_PER_ITEM = 3
ITEMS_PER_RATER = 40
CARELESS_SHARE = 0.2
SEED = 2023
POLL_SECONDS = 1.0


class DemoError(RuntimeError):
    """The demo can't go on; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """The researcher of the demo, with the password that was made for this time."""

    user: User
    password: str


def researcher() -> Account:
    """The demo's account with a fresh password; whatever password it had before works no more."""
    user, _ = User.objects.get_or_create(username=RESEARCHER)
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    return Account(user=user, password=password)


def finished_study(owner: User) -> Campaign | None:
    """The simulated study of an earlier start that went well: only then is there one to rate oneself."""
    own = Campaign.objects.filter(owner=owner, name=OWN_STUDY).order_by("-pk").first()
    if own is None:
        return None
    return Campaign.objects.filter(owner=owner, name=STUDY, run=own.run).order_by("-pk").first()


def interrupted_run(owner: User) -> Run | None:
    """The latest demo run, in work again: finished or not, paused or with failed images; None without one.

    A run of another revision of the bundled model is not gone on with: no worker would take its images.
    """
    model = registry.get(registry.DEMO_ID)
    run = (
        Run.objects.filter(owner=owner, name=RUN, model_id=model.id, model_revision=revision_of(model))
        .exclude(state=RunState.CANCELLED)
        .order_by("-pk")
        .first()
    )
    if run is not None:
        resume_run(run, actor=owner)
        retry_failed(run, actor=owner)
    return run


def interrupted_study(owner: User, run: Run) -> Campaign | None:
    """The study with simulated raters that an earlier start left half done, open again; None without one."""
    campaign: Campaign | None = (
        Campaign.objects.filter(owner=owner, name=STUDY, run=run)
        .exclude(state=CampaignState.CLOSED)
        .order_by("-pk")
        .first()
    )
    if campaign is None:
        return None
    if campaign.state == CampaignState.PAUSED:
        return campaigns.resume(campaign, owner)
    if campaign.state == CampaignState.DRAFT:
        return campaigns.open_campaign(campaign, owner)
    return campaign


def start_run(owner: User) -> Run:
    """The example prompts, imported and waiting for a worker: two images for each prompt."""
    content = examples.content()
    rows = prompts.read_prompts(content, name=examples.FILE_NAME)
    parse = parsing.parse([row.text for row in rows])
    model = registry.get(registry.DEMO_ID)
    # All or nothing: an import that was interrupted before its run leaves nothing behind.
    with transaction.atomic():
        prompt_set = import_prompts(
            owner,
            name="Example prompts",
            source=SourceFile(name=examples.FILE_NAME, sha256=hashlib.sha256(content).hexdigest()),
            rows=rows,
            parse=parse,
        )
        return create_run(
            owner,
            RunSpec(
                name=RUN,
                prompt_set=prompt_set,
                model=model,
                settings=model.defaults,
                images_per_prompt=IMAGES_PER_PROMPT,
            ),
        )


def wait_for_images(run: Run, *, check: Callable[[], None], report: Callable[[str], None]) -> None:
    """Returns when every image of the run is done. Raises DemoError when one fails or the run is cancelled.

    check: called between looks; raises what should end the wait.
    """
    last = ""
    while not (progress := queries.run_progress(run)).is_finished:
        run.refresh_from_db(fields=["state"])
        if run.state == RunState.CANCELLED:
            raise DemoError("The run was cancelled. Start again: the demo then makes a new one.")
        paused = " (paused; resume it on its page)" if run.state == RunState.PAUSED else ""
        now = f"  {progress.done} of {progress.total} images{paused}"
        if now != last:
            last = now
            report(now)
        check()
        time.sleep(POLL_SECONDS)
    report(f"  {progress.done} of {progress.total} images")
    if progress.dead:
        reasons = "; ".join(str(failure["failure"]) for failure in queries.failures(run))
        raise DemoError(f"{progress.dead} images failed: {reasons}. Start again: they are then tried again.")


def open_campaign(owner: User, run: Run, *, name: str) -> Campaign:
    """A campaign on every word of the run with the founding study's rules, open for raters."""
    campaign = campaigns.create_campaign(
        owner,
        campaigns.CampaignSpec(
            run_id=run.pk,
            name=name,
            title=wording.TITLE,
            question=wording.QUESTION,
            instructions=wording.INSTRUCTIONS,
            consent_text=wording.CONSENT,
            contact="The person who sent you the link.",
            completion_code=f"DEMO-{secrets.token_hex(4).upper()}",
            raters_per_item=RATERS_PER_ITEM,
            items_per_rater=ITEMS_PER_RATER,
            instructed_per_rater=1,
            repeats_per_rater=1,
            order_seed=SEED,
        ),
    )
    return campaigns.open_campaign(campaign, owner)


def invite_crowd(campaign: Campaign, *, seed: int) -> list[SimulatedRater]:
    """Simulated raters enough to fill the campaign, known to it as simulated before they come by its link.

    The same ones for the same campaign and seed, without those who have ended their visit already.
    """
    most_each = min(ITEMS_PER_RATER, math.floor(campaign.share_cap * ratings_wanted(campaign)))
    size = math.ceil(ratings_wanted(campaign) / most_each) + 1
    careless = max(1, round(size * CARELESS_SHARE))
    crowd = draw_raters(careful=size - careless, careless=careless, generator=random.Random(seed))
    return [rater for rater in crowd if _is_let_in(campaign, rater)]


def _is_let_in(campaign: Campaign, rater: SimulatedRater) -> bool:
    identity = recruitment.RaterIdentityData(Platform.PROLIFIC, rater.name)
    try:
        enter(campaign, identity, simulated=True)
    except EntryRefused as refused:
        if refused.reason in (EntryRefusal.ALREADY_FINISHED, EntryRefusal.FULL):
            return False
        raise
    return True
