"""Run as a program: makes a campaign with its raters on a database of its own, tells of it, waits, and ends.

Prints one line of JSON once everything is committed, and keeps the embedded server up until its input closes.
"""

import json
import sys


def main() -> None:
    """Arguments: number of raters, items, raters per item."""
    raters, items, k = map(int, sys.argv[1:4])

    import django

    django.setup()
    from django.core.management import call_command

    from annotation.tokens import rater_token
    from tests import factories

    call_command("migrate", verbosity=0)
    campaign = factories.make_campaign_of(items, raters_per_item=k, items_per_rater=10_000)
    tokens = [rater_token(factories.make_rater(campaign)) for _ in range(raters)]
    print(json.dumps({"tokens": tokens}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
