"""A script-less visitor reads a page as it is."""

from studies.page_forms import read_page

PAGE = """
<!doctype html><html><head><style>p { color: red }</style></head><body>
<form action="/other" method="get"><input name="q" value="x"></form>
<p class="prompt"><span data-before>a </span><strong><span class="unseen">[red word:] </span>
<span data-word>hot dog</span></strong><span data-after> &amp; a cup</span><img src="x.png"></p>
<form action="answer" method="post">
  <input type="hidden" name="slot" value="7"><input type="hidden" name="idempotency_key" value="k">
  <input type="checkbox" name="unticked" value="1">
  <fieldset disabled><input type="radio" name="tool" value="brush" checked></fieldset>
  <canvas width="30" height="20"></canvas>
  <button name="option" value="1">Bad</button><button name="option" value="image_too_poor">Poor image</button>
</form><script>var hidden = 1;</script></body></html>
"""


def test_a_form_is_found_by_its_button_with_all_it_carries() -> None:
    form = read_page(PAGE).form_with_button("option")
    assert form is not None
    assert (form.action, form.method) == ("answer", "post")
    assert form.fields == {"slot": "7", "idempotency_key": "k"}
    assert form.buttons == (("option", "1"), ("option", "image_too_poor"))


def test_what_can_be_drawn_on_is_known_by_its_size() -> None:
    assert read_page(PAGE).canvas_hw == (20, 30)


def test_the_prompt_and_its_target_word_are_read_as_written() -> None:
    page = read_page(PAGE)
    assert page.prompt == "a hot dog & a cup"
    assert page.target_word == "hot dog"


def test_scripts_and_styles_are_not_visible_text() -> None:
    text = read_page(PAGE).text
    assert "color" not in text
    assert "hidden" not in text


def test_a_page_without_that_button_gives_none() -> None:
    assert read_page("<p>bye</p>").form_with_button("option") is None
