"""Raters' pages speak the campaign's language, and a translation is whole."""

import ast
import gettext
import re
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings

from annotation import specification, wording
from annotation.choices import ANSWER_OPTIONS, PAIR_CHOICES, Choice, PageLanguage, TaskKind
from annotation.services.entry import IDENTITY_KEPT_FOR
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

ROOT: Final = Path(settings.BASE_DIR)
MARKED: Final = re.compile(r'{% translate "([^"]*)" %}')
PLURAL: Final = re.compile(r"{% blocktranslate[^%]*%}(.*?){% plural %}")
MODULES: Final = (
    "rater_outcomes", "rater_pages", "rater_screens", "rating", "entry", "practice", "last_page",
    "feedback",
)  # fmt: skip
TRANSLATIONS: Final = [language.value for language in PageLanguage if language != PageLanguage.ENGLISH]


def texts() -> set[str]:
    """Every text of the raters' pages that is marked for translation."""
    found = {str(option.label) for option in ANSWER_OPTIONS} | set(wording.start_paragraphs())
    found |= {wording.INSTRUCTED, wording.INSTRUCTED_WORDS, wording.INSTRUCTED_MASK}
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


@pytest.mark.django_db
def test_texts_that_nobody_changed_follow_the_language_and_others_stay() -> None:
    """Control: leave `following_language` out of the form: all are English."""
    run = factories.make_finished_run()
    values = {"run": run.pk, "contact": "Us", "language": "de", "checks_per_rater": 0, "title": "Mine"}
    german = specification.create(run.owner, values)
    assert german.title == "Mine"
    assert german.question.startswith("Wie gut geben die hervorgehobenen Teile")
    assert german.instructions.count("\n\n") == wording.INSTRUCTIONS.count("\n\n")
    assert german.consent_text.startswith("Sie sind eingeladen")
    back = specification.create(run.owner, specification.of_campaign(german) | {"language": "en"})
    assert (back.question, back.consent_text) == (wording.QUESTION, wording.CONSENT)


def test_a_text_with_a_paragraph_of_its_own_is_left_as_it_is() -> None:
    """Control: translate paragraph by paragraph whatever the others are."""
    text = f"{wording.INSTRUCTIONS}\n\nOne more thing."
    assert wording.in_language(text, "de") == text
    assert wording.in_language(wording.INSTRUCTIONS.replace("\n", "\r\n"), "en") == wording.INSTRUCTIONS


@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize("language", list(PageLanguage))
def test_the_consent_names_the_days_that_an_id_is_really_kept(kind: TaskKind, language: str) -> None:
    """Control: another IDENTITY_KEPT_FOR."""
    consent = wording.in_language(wording.TEXTS[kind].consent, language)
    assert re.search(rf"\b{IDENTITY_KEPT_FOR.days} (days|Tage)\b", consent)
