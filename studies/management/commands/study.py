"""python manage.py study ACT …: the life of a study from a shell."""

import json
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from annotation.services import campaigns
from generation.models import Run
from studies import shell

EXAMPLES: Final = """examples:
  python manage.py study prompts animals.csv --as ada
  python manage.py study run 7 --set images_per_prompt=2 --wait --as ada
  python manage.py study campaign study.toml --as ada
  python manage.py study dry-run CAMPAIGN --as ada
  python manage.py study open CAMPAIGN --as ada
  python manage.py study state CAMPAIGN --json --as ada
  python manage.py study export CAMPAIGN ratings.csv --out - --as ada
"""
STEERING: Final = {
    "open": "Open a draft.",
    "pause": "Pause a campaign or a run.",
    "resume": "Resume a campaign or a run.",
    "close": "Close a campaign, for good.",
    "cancel": "Cancel a run, for good.",
    "retry": "Try a run's failed images again.",
}


class Command(BaseCommand):
    """One act of a study. Ends with 1 where it is refused, with 2 where the command is not one."""

    help = "Prompts, runs and campaigns from a shell, by the rules of the pages and the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares every act with its options."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")

        def act(name: str, words: str) -> Any:
            made = acts.add_parser(name, help=words, description=words)
            made.add_argument("--as", dest="actor", required=True, metavar="NAME", help="The researcher.")
            return made

        prompts = act("prompts", "Import a file of prompts; prints the prompt set's number.")
        prompts.add_argument("file", type=Path, help="CSV, JSON Lines or plain text.")
        prompts.add_argument("--name", default="", help="The file's name without it.")
        prompts.add_argument("--project", type=int, help="Number of the project; your own without it.")
        run = act("run", "Start a run of a prompt set; prints the run's number.")
        run.add_argument("prompt_set", type=int, help="Number of the prompt set.")
        run.add_argument(
            "--set", action="append", default=[], metavar="FIELD=VALUE", help="As the form: steps=30."
        )
        run.add_argument("--wait", action="store_true", help="Until every image is done or has failed.")
        campaign = act("campaign", "Make a draft from a specification; prints its id.")
        campaign.add_argument("file", type=Path, help="The specification: .toml or .json.")
        for name, words in STEERING.items():
            act(name, words).add_argument("thing", metavar="ID", help="A campaign's id or a run's number.")
        extend = act("extend", "Ask for more raters per item.")
        extend.add_argument("thing", metavar="CAMPAIGN")
        extend.add_argument("--raters-per-item", type=int, required=True, metavar="K", help="In all.")
        fill = act("back-fill", "Give others the places of all raters whose answers don't count.")
        fill.add_argument("thing", metavar="CAMPAIGN")
        fill.add_argument("--every", type=int, default=0, metavar="SECONDS", help="Until it is closed.")
        dry = act("dry-run", "Let simulated raters do a copy of the campaign; prints the copy's id.")
        dry.add_argument("thing", metavar="CAMPAIGN")
        state = act("state", "Where a campaign or a run stands.")
        state.add_argument("thing", metavar="ID", help="A campaign's id or a run's number.")
        state.add_argument("--json", action="store_true", help="One object, with the names of the API.")
        export = act("export", "Write one file of a campaign.")
        export.add_argument("thing", metavar="CAMPAIGN")
        export.add_argument(
            "file_name", nargs="?", metavar="FILE", help="Such as ratings.csv; none lists them."
        )
        export.add_argument("--out", type=Path, help="Where to; - for standard output.")

    def handle(self, *args: Any, act: str, actor: str, **options: Any) -> None:
        """Does the act. Raises CommandError, and so exits 1, where it is refused."""
        try:
            getattr(self, f"_{act.replace('-', '_')}", self._steer)(shell.researcher(actor), act, options)
        except shell.ShellRefused as refused:
            raise CommandError(str(refused)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None

    def _prompts(self, user: User, _: str, options: dict[str, Any]) -> None:
        made = shell.prompts(user, options["file"], name=options["name"], project=options["project"])
        self.stdout.write(str(made.pk))

    def _run(self, user: User, _: str, options: dict[str, Any]) -> None:
        pairs = [part.partition("=") for part in options["set"]]
        made = shell.start_run(
            user, {name: value for name, _, value in pairs} | {"prompt_set": options["prompt_set"]}
        )
        self.stdout.write(str(made.pk))
        if options["wait"]:
            self._wait(user, made)

    def _campaign(self, user: User, _: str, options: dict[str, Any]) -> None:
        made = shell.make_campaign(user, options["file"])
        self.stdout.write(str(made.public_id))
        self.stderr.writelines([*campaigns.comparison_notes(made), *campaigns.opening_obstacles(made)])

    def _steer(self, user: User, act: str, options: dict[str, Any]) -> None:
        self.stdout.write(shell.steer(user, options["thing"], act=act))

    def _extend(self, user: User, _: str, options: dict[str, Any]) -> None:
        wanted = options["raters_per_item"]
        self.stdout.write(str(shell.extend(user, options["thing"], raters_per_item=wanted).raters_per_item))

    def _back_fill(self, user: User, _: str, options: dict[str, Any]) -> None:
        while True:
            done = shell.give_to_others(user, options["thing"])
            self.stdout.write(f"{done.places} places of {done.raters} raters are free for others.")
            if not done.left:
                if options["every"] <= 0:
                    return
                time.sleep(options["every"])

    def _dry_run(self, user: User, _: str, options: dict[str, Any]) -> None:
        copy = shell.start_dry_run(user, options["thing"])
        self.stdout.write(str(copy.public_id))
        for standing in shell.rehearse(copy):
            self.stderr.write(f"{standing.answered} of {standing.places} answers by {standing.raters} raters")

    def _state(self, user: User, _: str, options: dict[str, Any]) -> None:
        found = shell.state(user, options["thing"])
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False))
            return
        flat = {name: value for name, value in found.items() if not isinstance(value, dict)}
        flat |= {f"visits {name}": n for name, n in found.get("outcomes", {}).items() if n}
        width = max(map(len, flat))
        for name, value in flat.items():
            self.stdout.write(f"{name.replace('_', ' '):<{width}}  {'–' if value is None else value}")

    def _export(self, user: User, _: str, options: dict[str, Any]) -> None:
        if options["file_name"] is None:
            self.stdout.write("\n".join(shell.file_names(user, options["thing"])))
            return
        name = options["file_name"]
        out = options["out"] or Path(name.rpartition("/")[2])
        shell.export(user, options["thing"], file=name, out=out, write=sys.stdout.buffer.write)
        if out != shell.STDOUT:
            self.stdout.write(str(out))

    def _wait(self, user: User, made: Run) -> None:
        while True:
            found = shell.state(user, str(made.pk))
            self.stderr.write(f"{found['done']} of {found['images']} images, {found['failed']} failed")
            if found["finished"]:
                break
            time.sleep(2)
        if found["failed"]:
            raise CommandError(f"run {made.pk}: {found['failed']} images failed. Look why, then retry.")
