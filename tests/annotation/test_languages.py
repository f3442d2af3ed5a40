"""Raters' pages speak the campaign's language, and a translation is whole."""

import ast
import gettext
import re
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

from annotation.choices import ANSWER_OPTIONS, PAIR_CHOICES, Choice, PageLanguage, TaskKind
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

ROOT: Final = Path(settings.BASE_DIR)
MARKED: Final = re.compile(r'{% translate "([^"]*)" %}')
PLURAL: Final = re.compile(r"{% blocktranslate[^%]*%}(.*?){% plural %}")
MODULES: Final = (
    "rater_outcomes", "rater_pages", "rater_screens", "rating", "entry", "practice", "last_page",
)  # fmt: skip
TRANSLATIONS: Final = [language.value for language in PageLanguage if language != PageLanguage.ENGLISH]


def texts() -> set[str]:
    """Every text of the raters' pages that is marked for translation."""
    found = {str(option.label) for option in ANSWER_OPTIONS}
    for template in (ROOT / "templates" / "rate").glob("*.html"):
        content = template.read_text()
        found |= set(MARKED.findall(content))
        found |= {text.replace("{{ n }}", "%(n)s") for text in PLURAL.findall(content)}
    for module in MODULES:
        for node in ast.walk(ast.parse((ROOT / "annotation" / "views" / f"{module}.py").read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext_noop"):
                text = node.args[0]
                if isinstance(text, ast.Constant):
                    found.add(str(text.value))
    return found


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_text_of_the_raters_pages_is_translated(language: str) -> None:
    """Control: a new text in a template, or a .mo file older than its .po file."""
    with (ROOT / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    known = {key[0] if isinstance(key, tuple) else key for key, text in catalogue.items() if text}
    assert texts() - known == set()
    assert len(texts()) > 100


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_compiled_translation_says_what_the_readable_one_says(language: str) -> None:
    """Control: an edit of the .po file without `msgfmt`."""
    folder = ROOT / "locale" / language / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    written = (folder / "django.po").read_text()
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', written, re.MULTILINE)
    assert len(pairs) > 100
    for text, translated in pairs:
        assert catalogue.gettext(text.replace('\\"', '"')) == translated.replace('\\"', '"')


@pytest.mark.django_db
@pytest.mark.parametrize("kind", list(TaskKind))
def test_a_german_campaign_has_german_pages_from_the_task_to_the_end(kind: TaskKind) -> None:
    """Control: leaving the override out of `with_rater`."""
    campaign = factories.make_campaign_of_kind(kind, language="de", raters_per_item=1)
    browser = RaterBrowser(factories.make_rater(campaign))
    html = browser.open().html
    assert '<html lang="de">' in html
    assert "Hier aufhören" in html
    for english in ("Stop here", "Undo", "Instructions", "Show", "Done", "None of these", ">Good<"):
        assert english not in html
    browser.post("stop")
    assert "Sie haben aufgehört" in browser.open().html


@pytest.mark.django_db
def test_an_english_campaign_stays_english_whatever_was_shown_before() -> None:
    german = factories.make_campaign_of_kind(TaskKind.MASK, language="de")
    RaterBrowser(factories.make_rater(german)).open()
    english = RaterBrowser(factories.make_rater(factories.make_campaign_of(1)))
    assert '<html lang="en">' in english.open().html


def test_no_label_of_a_choice_is_missing_from_the_pair_page() -> None:
    page = (ROOT / "templates" / "rate" / "pair.html").read_text()
    for choice in PAIR_CHOICES:
        assert f'value="{choice.value}"' in page
        assert f'{{% translate "{Choice(choice).label}" %}}' in page
