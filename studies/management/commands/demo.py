"""python manage.py demo: the whole of Percept on this machine, from prompts to a mean opinion score."""

import csv
import io
import signal
import time
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from annotation.models import Campaign
from evaluation import loading, reports
from generation.models import Run
from studies import demo, demo_check, demo_kinds
from studies.careless import answers_of
from studies.crowd import Visit, send_crowd
from studies.demo_table import mos_table
from studies.processes import PartStartError, free_port, launch_web, start_web, start_worker
from studies.visitors import Visitor
from studies.watch import Watch

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
            with Watch(say=self._say) as watch:
                self._run(watch, check=check, port=port)
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        except (demo.DemoError, PartStartError) as error:
            raise CommandError(str(error)) from error

    def _run(self, watch: Watch, *, check: bool, port: int) -> None:
        self._say("Preparing the database …")
        call_command("migrate", verbosity=0)
        account = demo.researcher()
        port = free_port(port)
        base_url = f"http://127.0.0.1:{port}"
        self._say("Starting the worker and the web server …")
        watch.add(start_worker(), start_again=start_worker)
        watch.add(start_web(port), start_again=partial(launch_web, port))

        campaign = None if check else demo.finished_study(account.user)
        if campaign is None:
            campaign = self._study(account, watch, base_url=base_url, check=check)
        self._say("\n" + mos_table(reports.build(loading.load(campaign)).opinion) + "\n")
        self._say("The raters were simulated: these scores say nothing about the maps.")
        if not check:
            self._serve(account, campaign, watch, base_url=base_url)

    def _study(self, account: demo.Account, watch: Watch, *, base_url: str, check: bool) -> Campaign:
        # A check judges a study of its own; otherwise what an interrupted start left is finished.
        run = None if check else demo.interrupted_run(account.user)
        left = None if run is None else demo.interrupted_study(account.user, run)
        if run is None:
            run = demo.start_run(account.user)
        else:
            self._say("Going on from what an earlier start left …")
        if left is None:
            self._generate(run, watch)
        campaign = left or demo.open_campaign(account.user, run, name=demo.STUDY)
        download = partial(_download_ratings, campaign, account, base_url=base_url)
        earlier = download()
        visits = self._send_crowd(campaign, base_url=base_url)
        self._judge(campaign, visits, ratings=download(), earlier=earlier)
        watch.check()
        self._other_kinds(account, run, watch, base_url=base_url)
        if not check:
            demo.open_campaign(account.user, run, name=demo.OWN_STUDY)
        return campaign

    def _other_kinds(self, account: demo.Account, run: Run, watch: Watch, *, base_url: str) -> None:
        """A small study of each further kind, with its checks, judged like the first."""
        compared = demo_kinds.few_steps_run(account.user, run)
        self._generate(compared, watch)
        for kind, study in demo_kinds.STUDIES.items():
            self._say(f"{study.name}, with its attention checks …")
            campaign = demo_kinds.study_of(account.user, run, kind, compared=compared)
            download = partial(_download_answers, campaign, account, base_url=base_url)
            earlier = download()
            visits = self._send_crowd(campaign, base_url=base_url)
            self._judge(campaign, visits, ratings=download(), earlier=earlier)
            watch.check()

    def _generate(self, run: Run, watch: Watch) -> None:
        self._say(
            f"Generating {run.images.count()} images with a map for every word (model {run.model_id}) …"
        )
        began = time.monotonic()
        demo.wait_for_images(run, check=watch.check, report=self._say)
        self._say(f"  took {time.monotonic() - began:.0f} s")

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
            knowledge=partial(answers_of, campaign),
        )

    def _judge(
        self,
        campaign: Campaign,
        visits: list[Visit],
        *,
        ratings: list[dict[str, str]],
        earlier: list[dict[str, str]],
    ) -> None:
        faults = demo_check.broken_promises(
            visits, ratings=ratings, raters_per_item=campaign.raters_per_item, earlier=earlier
        )
        told = sum(len(visit.acknowledged) for visit in visits)
        before = f"{len(earlier)} answers of the earlier start, " if earlier else ""
        self._say(f"  {before}{told} answers acknowledged, {len(ratings)} in the export")
        if faults:
            raise demo.DemoError("Promises were broken:\n  " + "\n  ".join(faults))
        self._say("  Every acknowledged answer is in the export once, no item has more raters than asked,")
        self._say("  every careless rater who met an attention check was caught, no careful one was.")

    def _serve(self, account: demo.Account, campaign: Campaign, watch: Watch, *, base_url: str) -> None:
        own = Campaign.objects.filter(owner=account.user, name=demo.OWN_STUDY).latest("pk")
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
            while True:
                watch.check()
                time.sleep(1)
        except KeyboardInterrupt:
            self._say("\nStopping …")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _download_answers(campaign: Campaign, account: demo.Account, *, base_url: str) -> list[dict[str, str]]:
    """answers.jsonl as a researcher gets it, in the columns that are judged."""
    return demo_kinds.as_ratings(_download(campaign, account, "answers.jsonl", base_url=base_url))


def _download_ratings(campaign: Campaign, account: demo.Account, *, base_url: str) -> list[dict[str, str]]:
    """ratings.csv as a researcher gets it."""
    text = _download(campaign, account, "ratings.csv", base_url=base_url)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _download(campaign: Campaign, account: demo.Account, name: str, *, base_url: str) -> str:
    """A file of the campaign: signed in, over HTTP."""
    visitor = Visitor(base_url, cookies=True)
    login = visitor.open(reverse("login"))
    form = next(form for form in login.page().forms if "password" in form.fields)
    visitor.press(login, form, "next", "/", username=account.user.get_username(), password=account.password)
    file = visitor.open(reverse("evaluation:file", args=[campaign.public_id, name]))
    if file.status != 200:
        raise demo.DemoError(f"{name} could not be downloaded: status {file.status}.")
    return file.body.decode("utf-8-sig")
