"""Head relevance vectors against a second way of counting, and what is made of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.oracle import recorded
from generation.attribution import trace
from generation.attribution.concepts import ConceptList, load_concepts, unread_words
from generation.attribution.misreadings import diagnose
from generation.attribution.relevance import (
    HeadRelevance,
    from_counts,
    from_published,
    load_relevance,
    save_relevance,
    scaled_count,
)
from generation.attribution.relevance_counter import (
    count_relevance,
    cross_attention,
    heads_in_call_order,
)
from training.demo_model.tokenizer import build

CONCEPTS = ConceptList(
    words={"animals": ("cat", "dog"), "colours": ("red", "blue"), "shapes": ("circle", "square", "hot dog")}
)


class _Captured:
    """What every cross-attention call is given, taken by a processor instead of hooks."""

    def __init__(self, path: str, own: Any, store: list[Any]) -> None:
        self.path, self.own, self.store = path, own, store

    def __call__(self, attn: Any, hidden_states: Any, encoder_hidden_states: Any, **others: Any) -> Any:
        self.store.append((self.path, hidden_states, encoder_hidden_states))
        return self.own(attn, hidden_states, encoder_hidden_states, **others)


def _counted_again(pipeline: Any, store: list[Any], *, seed: int) -> dict[tuple[str, int], np.ndarray]:
    """The definition, word by word, in float64, sharing nothing with the counter but the order of draws."""
    modules = dict(pipeline.unet.named_modules())
    draws = np.random.default_rng(seed)
    counts: dict[tuple[str, int], np.ndarray] = {}
    for path, hidden, _ in store:
        module = modules[path]
        queries = module.to_q(hidden[hidden.shape[0] // 2 :])  # guidance: the second half has the prompt
        tokens: list[Any] = []
        owners: list[int] = []
        for number, words in enumerate(CONCEPTS.words.values()):
            word = words[int(draws.integers(len(words)))]
            ids = pipeline.tokenizer(word, padding="max_length", return_tensors="pt").input_ids
            states = pipeline.text_encoder(ids)[0][0]
            content = len(pipeline.tokenizer(word, add_special_tokens=False).input_ids)
            if not tokens:
                tokens, owners = [states[:1]], [-1]
            tokens.append(states[1 : 1 + content])
            owners += [number] * content
        keys = module.to_k(torch.cat(tokens)).double()
        width = queries.shape[-1] // module.heads
        for image in range(len(queries)):
            for head in range(module.heads):
                part = slice(head * width, (head + 1) * width)
                scores = queries[image, :, part].double() @ keys[:, part].T / width**0.5
                attention = (scores.exp() / scores.exp().sum(dim=1, keepdim=True)).mean(dim=0)
                strength = [
                    float(attention[[place for place, owner in enumerate(owners) if owner == number]].mean())
                    for number in range(3)
                ]
                counts.setdefault((path, head), np.zeros(3, dtype=int))[int(np.argmax(strength))] += 1
    return counts


def test_the_counts_are_those_of_a_second_implementation(tiny: Any, draw: Callable[..., Any]) -> None:
    """Controls: unconditional rows, one draw for all modules, or no start token change the counts."""
    store: list[Any] = []
    own = {path: module.processor for path, module in cross_attention(tiny.unet).items()}
    for path, module in cross_attention(tiny.unet).items():
        module.processor = _Captured(path, own[path], store)
    try:
        with count_relevance(tiny, concepts=CONCEPTS, seed=3) as counter:
            draw(tiny, ["a red circle", "a cat and a dog"])
    finally:
        for path, module in cross_attention(tiny.unet).items():
            module.processor = own[path]
    with torch.no_grad():
        wanted = _counted_again(tiny, store, seed=3)
    heads = heads_in_call_order(tiny.unet)
    assert counter.counts.sum() == 2 * 2 * len(heads)  # two steps, two images
    assert [tuple(column) for column in counter.counts.T] == [tuple(wanted[head]) for head in heads]


def test_counting_leaves_the_image_alone_and_removes_its_hooks(tiny: Any, draw: Callable[..., Any]) -> None:
    plain = draw(tiny)
    with count_relevance(tiny, concepts=CONCEPTS, seed=3):
        counted = draw(tiny)
    assert np.array_equal(plain, counted)
    with pytest.raises(RuntimeError, match="stop"), count_relevance(tiny, concepts=CONCEPTS, seed=3):
        raise RuntimeError("stop")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny.unet.modules())
    assert "encode_prompt" not in vars(tiny)


def test_the_same_seed_gives_the_same_vectors_also_for_xl(tiny_xl: Any, draw: Callable[..., Any]) -> None:
    found = []
    for _ in range(2):
        with count_relevance(tiny_xl, concepts=CONCEPTS, seed=1) as counter:
            draw(tiny_xl, "a red circle", num_inference_steps=1)
        found.append(counter.counts)
    assert np.array_equal(found[0], found[1])
    assert counter.counts.shape == (3, len(heads_in_call_order(tiny_xl.unet)))


def test_heads_are_listed_in_the_order_the_unet_calls_them(tiny: Any, draw: Callable[..., Any]) -> None:
    """Control: the order of named_modules, which has the middle block last."""
    with recorded(tiny.unet) as store:
        draw(tiny, num_inference_steps=1)
    assert list(store) == list(cross_attention(tiny.unet))
    assert list(store) != [path for path, _ in tiny.unet.named_modules() if path.endswith("attn2")]


def test_shares_are_taken_per_head_and_rows_add_up_to_the_heads() -> None:
    """Worked by hand: head 0 was counted twice as often as head 1, which must not make it count double."""
    counts = np.array([[6, 1], [2, 3], [0, 0]])
    heads = [("mid.attn2", 0), ("mid.attn2", 1)]
    found = from_counts(counts, concepts=["a", "b", "c"], heads=heads)
    # shares: a (.75, .25), b (.25, .75); each row scaled to add up to 2
    assert found.scores[0] == pytest.approx([1.5, 0.5])
    assert found.scores[1] == pytest.approx([0.5, 1.5])
    assert np.isnan(found.scores[2]).all()
    with pytest.raises(ValueError, match="'c'; count over more images"):
        found.of("c")
    with pytest.raises(ValueError, match=r"head 1 of mid\.attn2 was never counted"):
        from_counts(np.array([[1, 0], [1, 0]]), concepts=["a", "b"], heads=heads)


def _example() -> HeadRelevance:
    heads = [("down.attn2", number) for number in range(4)] + [("up.attn2", number) for number in range(4)]
    array = np.array([[0, 3, 1, 0, 9, 2, 0, 1], [1, 1, 1, 1, 1, 1, 1, 1]], dtype=float)
    return from_published(array, concepts=["x", "y"], heads=heads, origin={"file": "example.npy"})


def test_most_least_and_proportional_heads() -> None:
    found = _example()
    assert found.scores.sum(axis=1) == pytest.approx([8, 8])
    assert found.most("x", count=2) == {("up.attn2", 0): 1.0, ("down.attn2", 1): 1.0}
    assert set(found.least("x", count=3)) == {("down.attn2", 0), ("down.attn2", 3), ("up.attn2", 2)}
    assert found.proportional("x")["up.attn2", 0] == pytest.approx(8 * 9 / 16)
    assert ("down.attn2", 0) not in found.proportional("x")
    assert len(found.most("y")) == scaled_count(8) == 2
    assert list(found.most("y", count=2)) == [("down.attn2", 0), ("down.attn2", 1)]  # a tie
    assert scaled_count(128) == 30
    with pytest.raises(ValueError, match="between 1 and 8"):
        found.most("x", count=9)
    with pytest.raises(LookupError, match="none of the concepts: x, y"):
        found.most("z")


def test_an_array_that_does_not_fit_its_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="rows are concepts, columns are heads"):
        from_published(np.ones((2, 3)), concepts=["x", "y"], heads=[("a", 0)], origin={})
    with pytest.raises(ValueError, match="finite"):
        from_published(np.array([[np.nan], [1.0]]), concepts=["x", "y"], heads=[("a", 0)], origin={})
    with pytest.raises(ValueError, match="stands twice"):
        from_published(np.ones((2, 2)), concepts=["x", "y"], heads=[("a", 0), ("a", 0)], origin={})


def test_vectors_survive_their_file(tmp_path: Path) -> None:
    counts = np.array([[1, 2], [2, 1], [0, 0]])
    found = from_counts(counts, concepts=["a", "b", "c"], heads=[("m", 0), ("m", 1)], origin={"seed": "4"})
    save_relevance(found, tmp_path / "vectors.json")
    again = load_relevance(tmp_path / "vectors.json")
    assert (again.concepts, again.heads, dict(again.origin)) == (found.concepts, found.heads, {"seed": "4"})
    assert np.array_equal(again.scores, found.scores, equal_nan=True)
    for content in ("no json", "[]", '{"format": "other"}', '{"format": "percept-head-relevance-1"}'):
        (tmp_path / "wrong.json").write_text(content)
        with pytest.raises(ValueError, match=r"wrong\.json holds no head relevance vectors"):
            load_relevance(tmp_path / "wrong.json")


def test_weights_give_the_map_of_their_heads_alone(tiny: Any, draw: Callable[..., Any]) -> None:
    """Two concepts with disjoint heads read a word in two ways; all heads are their mean."""
    heads = heads_in_call_order(tiny.unet)
    half = len(heads) // 2
    array = np.zeros((2, len(heads)))
    array[0, :half], array[1, half:] = 1, 1
    vectors = from_published(array, concepts=["x", "y"], heads=heads, origin={})
    with trace(tiny, keep="heads") as recording:
        draw(tiny, "a red circle")
    found = diagnose(recording, "circle", relevance=vectors, concepts=("x", "y"), count=half)
    assert found.shared_heads == 0
    assert (found.maps[0] + found.maps[1]) / 2 == pytest.approx(found.all_heads, abs=1e-6)
    wanted = np.corrcoef(found.maps[0].ravel(), found.maps[1].ravel())[0, 1]
    assert found.similarity == pytest.approx(wanted, abs=1e-5)


def test_the_list_has_34_concepts_of_10_words_that_any_clip_model_reads() -> None:
    concepts = load_concepts()
    assert len(concepts.names) == 34
    assert {len(words) for words in concepts.words.values()} == {10}
    # The bundled model spells unknown words in bytes, with 30 places: the hardest case.
    assert unread_words(concepts, build()) == []


def test_the_bundled_models_concepts_are_words_it_was_trained_on() -> None:
    concepts = load_concepts(Path("generation/demo_model/concepts.toml"))
    tokenizer = build()
    for words in concepts.words.values():
        for word in words:
            assert len(tokenizer(word, add_special_tokens=False).input_ids) <= 1 + len(word.split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"a" = ["x"]', "at least two concepts"),
        ('"a" = ["x"]\n"b" = []', "'b' has no words"),
        ('"a" = ["x"]\n"b" = ["X "]', "'x' stands more than once"),
        ('"a" = ["x"]\n"b" = [" "]', "an empty word"),
        ('"a" = "x"\n"b" = ["y"]', "'a' is not a list of words"),
        ("a = [", "no TOML file"),
    ],
)
def test_a_wrong_list_is_refused_with_its_reason(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(content)
    with pytest.raises(ValueError, match=r"own\.toml") as caught:
        load_concepts(tmp_path / "own.toml")
    assert message in str(caught.value)


def test_words_longer_than_the_window_are_refused(tiny: Any) -> None:
    long = ConceptList(words={"a": ("x" * 200,), "b": ("cat",)})
    with pytest.raises(ValueError, match="does not read"), count_relevance(tiny, concepts=long, seed=0):
        pass
