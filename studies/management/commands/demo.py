"""python manage.py demo: the whole of Percept on this machine, from prompts to a mean opinion score."""

import csv
import io
import signal
import time
from argparse import ArgumentParser
from contextlib import ExitStack
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from annotation.models import Campaign
from evaluation import loading, reports
from studies import demo, demo_check
from studies.crowd import Visit, send_crowd
from studies.demo_table import mos_table
from studies.processes import Part, PartStartError, free_port, start_web, start_worker
from studies.visitors import Visitor

STUDY = "Demo: rated by simulated raters"
OWN_STUDY = "Demo: rate it yourself"
AT_ONCE = 4
ANSWERS_PER_LINE = 100


class Command(BaseCommand):
    """Runs the demo; with --check judges it and ends, otherwise leaves it running."""

    help = (
        "Generates images with word maps, opens a campaign, sends simulated raters through its pages, "
        "and prints the mean opinion scores. Without --check the server then stays up for you."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's options."""
        parser.add_argument("--check", action="store_true", help="Judge the promises, print, and end.")
        parser.add_argument("--port", type=int, default=8000, help="Preferred port of 127.0.0.1.")

    def handle(self, *args: Any, check: bool, port: int, **options: Any) -> None:
        """Runs the demo. Raises CommandError, and so exits 1, when a promise is broken."""
        # SIGTERM and a closed terminal end like Ctrl-C: the parts are stopped too.
        for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(ending, signal.default_int_handler)
        try:
            with ExitStack() as parts:
                self._run(parts, check=check, port=port)
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        except (demo.DemoError, PartStartError) as error:
            raise CommandError(str(error)) from error

    def _run(self, parts: ExitStack, *, check: bool, port: int) -> None:
        self._say("Preparing the database …")
        call_command("migrate", verbosity=0)
        account = demo.researcher()
        port = free_port(port)
        base_url = f"http://127.0.0.1:{port}"
        self._say("Starting the worker and the web server …")
        worker = start_worker()
        parts.callback(worker.stop)
        web = start_web(port)
        parts.callback(web.stop)

        campaign = None if check else _finished_study(account)
        if campaign is None:
            campaign = self._study(account, worker, base_url=base_url, check=check)
        self._say("\n" + mos_table(reports.build(loading.load(campaign)).opinion) + "\n")
        self._say("The raters were simulated: these scores say nothing about the maps.")
        if not check:
            self._serve(account, campaign, parts=(worker, web), base_url=base_url)

    def _study(self, account: demo.Account, worker: Part, *, base_url: str, check: bool) -> Campaign:
        run = demo.start_run(account.user)
        self._say(
            f"Generating {run.images.count()} images with a map for every word (model {run.model_id}) …"
        )
        began = time.monotonic()
        demo.wait_for_images(run, worker_lives=lambda: worker.process.poll() is None, report=self._say)
        self._say(f"  took {time.monotonic() - began:.0f} s")
        campaign = demo.open_campaign(account.user, run, name=STUDY)
        visits = self._send_crowd(campaign, base_url=base_url)
        self._judge(campaign, account, visits, base_url=base_url)
        if not check:
            demo.open_campaign(account.user, run, name=OWN_STUDY)
        return campaign

    def _send_crowd(self, campaign: Campaign, *, base_url: str) -> list[Visit]:
        crowd = demo.invite_crowd(campaign, seed=demo.SEED)
        careless = sum(rater.careless for rater in crowd)
        self._say(f"Sending {len(crowd)} simulated raters, {careless} of them careless, through the pages …")
        answers = 0

        def count() -> None:
            nonlocal answers
            answers += 1
            if answers % ANSWERS_PER_LINE == 0:
                self._say(f"  {answers} answers")

        return send_crowd(
            crowd,
            base_url=base_url,
            entry_path=reverse("rate:entry", args=[campaign.public_id]),
            seed=demo.SEED,
            at_once=AT_ONCE,
            on_answer=count,
        )

    def _judge(
        self, campaign: Campaign, account: demo.Account, visits: list[Visit], *, base_url: str
    ) -> None:
        ratings = _download_ratings(campaign, account, base_url=base_url)
        faults = demo_check.broken_promises(visits, ratings=ratings, raters_per_item=campaign.raters_per_item)
        told = sum(len(visit.acknowledged) for visit in visits)
        self._say(f"  {told} answers acknowledged, {len(ratings)} in ratings.csv")
        if faults:
            raise demo.DemoError("Promises were broken:\n  " + "\n  ".join(faults))
        self._say("  Every acknowledged answer is in the export once, no item has more raters than asked,")
        self._say("  every careless rater who met an attention check was caught, no careful one was.")

    def _serve(
        self, account: demo.Account, campaign: Campaign, *, parts: tuple[Part, Part], base_url: str
    ) -> None:
        own = Campaign.objects.filter(owner=account.user, name=OWN_STUDY).latest("pk")
        results = reverse("evaluation:results", args=[campaign.public_id])
        self._say(
            f"\nRate yourself:   {base_url}{reverse('rate:entry', args=[own.public_id])}\n"
            f"See the results: {base_url}{results}\n"
            f"Sign in as a researcher at {base_url}{reverse('login')}\n"
            f"  name      {account.user.get_username()}\n"
            f"  password  {account.password}   (made for this start; the next start makes another)\n"
            "\nCtrl-C stops everything; what was made stays."
        )
        try:
            while all(part.process.poll() is None for part in parts):
                time.sleep(1)
        except KeyboardInterrupt:
            self._say("\nStopping …")
            return
        ended = next(part for part in parts if part.process.poll() is not None)
        raise demo.DemoError(f"The {ended.name} ended by itself. {ended.log}:\n{ended.end_of_log()}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _finished_study(account: demo.Account) -> Campaign | None:
    """The simulated study of an earlier start that went well: only then is there one to rate oneself."""
    own = Campaign.objects.filter(owner=account.user, name=OWN_STUDY).order_by("-pk").first()
    if own is None:
        return None
    return Campaign.objects.filter(owner=account.user, name=STUDY, run=own.run).order_by("-pk").first()


def _download_ratings(campaign: Campaign, account: demo.Account, *, base_url: str) -> list[dict[str, str]]:
    """ratings.csv as a researcher gets it: signed in, over HTTP."""
    visitor = Visitor(base_url, cookies=True)
    login = visitor.open(reverse("login"))
    form = next(form for form in login.page().forms if "password" in form.fields)
    visitor.press(login, form, "next", "/", username=account.user.get_username(), password=account.password)
    file = visitor.open(reverse("evaluation:ratings_csv", args=[campaign.public_id]))
    if file.status != 200:
        raise demo.DemoError(f"ratings.csv could not be downloaded: status {file.status}.")
    return list(csv.DictReader(io.StringIO(file.body.decode("utf-8-sig"), newline="")))
