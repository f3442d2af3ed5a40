"""What a person can press on a page: its forms, read from the HTML. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID_ELEMENTS = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
MARKED = ("data-before", "data-word", "data-after")


@dataclass(frozen=True, kw_only=True)
class PageForm:
    """One form: where it goes, what it carries along, and its buttons as (name, value) pairs."""

    action: str
    method: str
    fields: Mapping[str, str]
    buttons: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class ReadPage:
    """A page as a script-less visitor meets it."""

    forms: Sequence[PageForm]
    prompt: str
    target_word: str
    text: str

    def form_with_button(self, name: str) -> PageForm | None:
        """The first form that has a button of that name, or None."""
        return next((form for form in self.forms if any(button == name for button, _ in form.buttons)), None)


def read_page(html: str) -> ReadPage:
    """The forms, the prompt with its marked target word, and the visible text of a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return ReadPage(
        forms=tuple(
            PageForm(action=form.action, method=form.method, fields=form.fields, buttons=tuple(form.buttons))
            for form in reader.forms
        ),
        prompt="".join(reader.text_of(mark) for mark in MARKED),
        target_word=reader.text_of("data-word"),
        text=" ".join(" ".join(reader.text).split()),
    )


@dataclass
class _OpenForm:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects forms, visible text, and the text of the elements that carry an attribute of MARKED."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_OpenForm] = []
        self.text: list[str] = []
        self._marked: dict[str, list[str]] = {name: [] for name in MARKED}
        self._inside: list[tuple[str, frozenset[str]]] = []

    def text_of(self, mark: str) -> str:
        """Text of the elements that carry the mark."""
        return "".join(self._marked[mark])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(
                _OpenForm(action=values.get("action", ""), method=values.get("method", "get").lower())
            )
        elif tag == "input" and self.forms:
            self._take_input(values)
        elif tag == "button" and self.forms and values.get("name"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))
        if tag not in VOID_ELEMENTS:
            self._inside.append((tag, frozenset(MARKED).intersection(values)))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._inside) - 1, -1, -1):
            if self._inside[depth][0] == tag:
                del self._inside[depth:]
                return

    def handle_data(self, data: str) -> None:
        if any(tag in {"script", "style"} for tag, _ in self._inside):
            return
        self.text.append(data)
        for name in frozenset().union(*(marked for _, marked in self._inside)):
            self._marked[name].append(data)

    def _take_input(self, values: dict[str, str]) -> None:
        kind = values.get("type", "text")
        if not values.get("name"):
            return
        if kind == "submit":
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))
        elif kind in {"checkbox", "radio"}:
            if "checked" in values:
                self.forms[-1].fields[values["name"]] = values.get("value", "on")
        else:
            self.forms[-1].fields[values["name"]] = values.get("value", "")
