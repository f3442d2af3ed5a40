"""What a model certainly does not read of a prompt, against the tokenizer itself."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from generation import registry
from generation.windows import CutPrompt, cut_prompts, unread_end

DEMO = registry.get(registry.DEMO_ID)


@cache
def tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(DEMO.source, subfolder="tokenizer")


def test_the_bundled_model_s_window_is_the_one_that_its_tokenizer_states() -> None:
    """Control: Stable Diffusion's 77 for every model."""
    assert DEMO.tokens == tokenizer().model_max_length == 32


def test_the_end_past_the_window_is_named() -> None:
    assert unread_end("a red circle.", tokens=5) == "."
    assert unread_end("a red circle.", tokens=6) == ""
    assert unread_end("it's 42 red circles", tokens=6) == "red circles"


def test_prompts_that_fit_are_left_out() -> None:
    found = cut_prompts([(2, "a cat"), (3, "a cat on a mat")], tokens=5)
    assert found == [CutPrompt(row_number=3, unread="a mat")]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("abco'st 012.,!?-_éß½ ²"), max_size=120))
def test_what_is_said_to_be_unread_is_never_read(text: str) -> None:
    """Control: a piece for every word and its comma together, or two for a run of marks."""
    unread = unread_end(text, tokens=12)
    ids = tokenizer()(text, add_special_tokens=False, verbose=False)["input_ids"]
    if unread:
        assert len(ids) > 10
        # Whatever the tokenizer makes of the rest, the tokens before it fill the window already.
        before = text[: len(text.rstrip()) - len(unread)]
        assert len(tokenizer()(before, add_special_tokens=False, verbose=False)["input_ids"]) >= 10
