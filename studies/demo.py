"""The demo: the founding rating study (Tang et al. 2023, sec. 3.2) in miniature, on the bundled model."""

import hashlib
import math
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User

from annotation import recruitment, wording
from annotation.choices import Platform
from annotation.models import Campaign
from annotation.queries import ratings_wanted
from annotation.services import campaigns
from annotation.services.entry import enter
from generation import examples, parsing, prompts, queries, registry
from generation.models import Run
from generation.services.prompt_sets import SourceFile, import_prompts
from generation.services.runs import RunSpec, create_run
from studies.simulated_raters import SimulatedRater, draw_raters

RESEARCHER = "researcher"
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


def start_run(owner: User) -> Run:
    """The example prompts, imported and waiting for a worker: two images for each prompt."""
    content = examples.content()
    rows = prompts.read_prompts(content, name=examples.FILE_NAME)
    prompt_set = import_prompts(
        owner,
        name="Example prompts",
        source=SourceFile(name=examples.FILE_NAME, sha256=hashlib.sha256(content).hexdigest()),
        rows=rows,
        parse=parsing.parse([row.text for row in rows]),
    )
    model = registry.get(registry.DEMO_ID)
    return create_run(
        owner,
        RunSpec(
            name="Example prompts, bundled model",
            prompt_set=prompt_set,
            model=model,
            settings=model.defaults,
            images_per_prompt=IMAGES_PER_PROMPT,
        ),
    )


def wait_for_images(run: Run, *, worker_lives: Callable[[], bool], report: Callable[[str], None]) -> None:
    """Returns when every image of the run is done. Raises DemoError when one fails or the worker ends."""
    last = -1
    while not (progress := queries.run_progress(run)).is_finished:
        if progress.done != last:
            last = progress.done
            report(f"  {progress.done} of {progress.total} images")
        if not worker_lives():
            raise DemoError("The worker ended before the images were done; its log says why. Start again.")
        time.sleep(POLL_SECONDS)
    report(f"  {progress.done} of {progress.total} images")
    if progress.dead:
        reasons = "; ".join(str(failure["failure"]) for failure in queries.failures(run))
        raise DemoError(f"{progress.dead} images failed: {reasons}")


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
            order_seed=SEED,
        ),
    )
    return campaigns.open_campaign(campaign, owner)


def invite_crowd(campaign: Campaign, *, seed: int) -> list[SimulatedRater]:
    """Simulated raters enough to fill the campaign, known to it as simulated before they come by its link."""
    most_each = min(ITEMS_PER_RATER, math.floor(campaign.share_cap * ratings_wanted(campaign)))
    size = math.ceil(ratings_wanted(campaign) / most_each) + 1
    careless = max(1, round(size * CARELESS_SHARE))
    crowd = draw_raters(careful=size - careless, careless=careless, generator=random.Random(seed))
    for rater in crowd:
        identity = recruitment.RaterIdentityData(Platform.PROLIFIC, rater.name)
        enter(campaign, identity, simulated=True)
    return crowd
