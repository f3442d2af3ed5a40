"""The rating page is light, and says the same as the maps it shows."""

import re
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from generation.attribution.colours import ramp
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

MOST_BYTES: Final = 60_000
MOST_REQUESTS: Final = 8
ASSET: Final = re.compile(r'(?:href|src)="/static/([^"]+)"')


@pytest.mark.django_db
def test_the_rating_page_cold_is_within_60_kb_and_8_requests_without_its_pictures() -> None:
    """Uncompressed bytes. Control: one web font, or a script that imports eight others, breaks it."""
    html = RaterBrowser(factories.make_rater(factories.make_open_campaign())).open().html
    files = [Path(str(finders.find(name))) for name in set(ASSET.findall(html))]
    imported = [
        name for file in files for name in re.findall(r"@import|^import .*$", file.read_text(), re.MULTILINE)
    ]
    assert imported == []
    assert 1 + len(files) <= MOST_REQUESTS
    assert len(html.encode()) + sum(file.stat().st_size for file in files) <= MOST_BYTES


def test_the_legend_shows_the_colours_of_the_maps() -> None:
    """Control: any other gradient in rate-views.css."""
    css = (Path(settings.BASE_DIR) / "static/css/rate-views.css").read_text()
    found = re.search(r"legend__ramp \{[^}]*linear-gradient\(to right, ([^)]*)\)", css)
    assert found
    stops = [tuple(bytes.fromhex(stop.strip().removeprefix("#"))) for stop in found[1].split(",")]
    colours = ramp()
    steps = len(colours) - 1
    expected = [tuple(colours[round(place * steps / (len(stops) - 1))]) for place in range(len(stops))]
    assert stops == [tuple(int(part) for part in colour) for colour in expected]
