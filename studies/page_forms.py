"""What a person can press on a page: its forms, read from the HTML. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID_ELEMENTS = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
MARKED = ("data-before", "data-word", "data-after")
CODE, HEADING = "data-code", "h1"


@dataclass(frozen=True, kw_only=True)
class PageForm:
    """One form: where it goes, what it carries along, its buttons as (name, value) pairs, and what can be
    ticked and is not, likewise."""

    action: str
    method: str
    fields: Mapping[str, str]
    buttons: Sequence[tuple[str, str]]
    ticks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class ReadPage:
    """A page as a script-less visitor meets it. canvas_hw: pixels of what can be drawn on; None without.

    heading: its first-level one.  code: to be taken along; both may be empty.
    """

    forms: Sequence[PageForm]
    canvas_hw: tuple[int, int] | None
    prompt: str
    target_word: str
    text: str
    heading: str = ""
    code: str = ""

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
            PageForm(
                action=form.action,
                method=form.method,
                fields=form.fields,
                buttons=tuple(form.buttons),
                ticks=tuple(form.ticks),
            )
            for form in reader.forms
        ),
        canvas_hw=reader.canvas_hw,
        prompt="".join(reader.text_of(mark) for mark in MARKED),
        target_word=reader.text_of("data-word"),
        text=" ".join(" ".join(reader.text).split()),
        heading=" ".join(reader.text_of(HEADING).split()),
        code=reader.text_of(CODE).strip(),
    )


@dataclass
class _OpenForm:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    ticks: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects forms, visible text, and the text of the elements that carry an attribute of MARKED."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_OpenForm] = []
        self.text: list[str] = []
        self.canvas_hw: tuple[int, int] | None = None
        self._marked: dict[str, list[str]] = {name: [] for name in (*MARKED, CODE, HEADING)}
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
        elif tag == "input" and self.forms and "disabled fieldset" not in self._open_tags():
            self._take_input(values)
        elif tag == "canvas":
            self.canvas_hw = (int(values["height"]), int(values["width"]))
        elif tag == "button" and self.forms and values.get("name"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))
        if tag not in VOID_ELEMENTS:
            if tag == "fieldset" and "disabled" in values:
                self._inside.append(("disabled fieldset", frozenset()))
            self._inside.append((tag, frozenset((*MARKED, CODE)).intersection(values) | {HEADING} & {tag}))

    def _open_tags(self) -> list[str]:
        return [tag for tag, _ in self._inside]

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset" and "disabled fieldset" in self._open_tags():
            tag = "disabled fieldset"
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
            elif kind == "checkbox":
                self.forms[-1].ticks.append((values["name"], values.get("value", "on")))
        else:
            self.forms[-1].fields[values["name"]] = values.get("value", "")
