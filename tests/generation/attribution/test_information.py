"""Information against closed forms of a Gaussian world, and its invariants on a real pipeline."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generation.attribution.denoisers import PipelineDenoiser, decode_latents, encode_image, shares_of
from generation.attribution.information import (
    Contrast,
    Estimator,
    conditional_contrast,
    information,
    marginal_contrast,
)
from generation.attribution.noise_levels import PAPER, PUBLISHED_CODE, LevelSampling, draw_levels
from generation.attribution.words import WordSpan, split_words

SHAPE = (2, 2, 3)
SPREAD = 0.6
# The integral runs over all log SNR; a Gaussian world has its gains between -10 and 10.
WIDE = LevelSampling(loc=0.0, scale=2.5, clip=6.0)


class GaussianWorld:
    """x = mean + SPREAD * noise given a text that names a mean, and mean ~ N(0, 1) without a text.

    The best estimate of the noise is known: sqrt(1-s) (x_a - sqrt(s) m) / (s v + 1 - s) for x ~ N(m, v).
    """

    def __init__(self, means: dict[str, torch.Tensor]) -> None:
        self.means = means
        self.rows = 0
        self.largest = 0

    def __call__(self, noisy: torch.Tensor, *, log_snr: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        self.rows += len(noisy)
        self.largest = max(self.largest, len(noisy))
        nothing = torch.zeros(SHAPE)
        mean = torch.stack([self.means.get(text, nothing) for text in texts])
        known = torch.tensor([text in self.means for text in texts])[:, None, None, None]
        variance = torch.where(known, SPREAD**2, 1 + SPREAD**2)
        signal, share = shares_of(log_snr, like=noisy)
        return share * (noisy - signal * mean) / (signal**2 * variance + share**2)


def _log_density(x: torch.Tensor, mean: torch.Tensor, variance: float) -> torch.Tensor:
    """Of each element, in nats."""
    return -0.5 * (math.log(2 * math.pi * variance) + (x - mean) ** 2 / variance)


def test_the_standard_estimate_is_the_log_likelihood_ratio_at_every_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(SHAPE, generator=generator)
    x = mean + SPREAD * torch.randn(SHAPE, generator=generator)
    found = information(
        GaussianWorld({"y": mean}), latents=x, contrasts=[Contrast(given="y", without="")],
        levels=20_000, seed=1, sampling=WIDE, rows_at_once=4_000,
    )  # fmt: skip
    wanted = (_log_density(x, mean, SPREAD**2) - _log_density(x, torch.zeros(SHAPE), 1 + SPREAD**2)).sum(0)
    error = found.standard_error(0)
    assert error < 0.3
    assert found.total(0) == pytest.approx(float(wanted.sum()), abs=4 * error)
    assert found.map_of(0, estimator="standard") == pytest.approx(wanted.double().numpy(), abs=4 * error)


def test_the_orthogonal_estimate_averages_to_the_mutual_information() -> None:
    generator = torch.Generator().manual_seed(2)
    count, totals = 400, []
    for sample in range(count):
        mean = torch.randn(SHAPE, generator=generator)
        x = mean + SPREAD * torch.randn(SHAPE, generator=generator)
        found = information(
            GaussianWorld({"y": mean}), latents=x, contrasts=[Contrast(given="y", without="")],
            levels=40, seed=sample, sampling=WIDE, rows_at_once=80,
        )  # fmt: skip
        totals.append(found.total(0, estimator="orthogonal"))
    wanted = math.prod(SHAPE) / 2 * math.log(1 + 1 / SPREAD**2)
    error = float(np.std(totals, ddof=1)) / math.sqrt(count)
    assert error < 0.04 * wanted
    assert np.mean(totals) == pytest.approx(wanted, abs=4 * error)


def test_a_text_against_itself_carries_exactly_nothing(tiny: Any) -> None:
    found = information(
        PipelineDenoiser(tiny), latents=torch.randn(4, 16, 16), levels=3, seed=0,
        contrasts=[Contrast(given="a cat", without="a cat")],
    )  # fmt: skip
    assert not found.orthogonal.any()
    assert not found.standard.any()


def test_the_orthogonal_estimate_is_never_negative_and_the_standard_one_can_be(tiny: Any) -> None:
    caption = "a red circle and a blue square"
    contrasts = [conditional_contrast(caption, word) for word in split_words(caption)]
    latents = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(3))
    found = information(PipelineDenoiser(tiny), latents=latents, contrasts=contrasts, levels=6, seed=0)
    assert (found.orthogonal >= 0).all()
    assert (found.orthogonal > 0).any()
    assert (found.standard < 0).any()  # with random weights a word often misleads


def test_words_of_a_caption_share_its_evaluation() -> None:
    world = GaussianWorld({})
    words = split_words("a red circle")
    contrasts = [conditional_contrast("a red circle", word) for word in words]
    information(world, latents=torch.zeros(SHAPE), contrasts=contrasts, levels=7, seed=0, rows_at_once=9)
    assert world.rows == (len(words) + 1) * 7
    assert world.largest <= 9


def test_the_rows_evaluated_at_once_do_not_change_the_result(tiny: Any) -> None:
    caption = "a red circle"
    contrasts = [marginal_contrast(word) for word in split_words(caption)]
    latents = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(3))
    one, many = (
        information(
            PipelineDenoiser(tiny), latents=latents, contrasts=contrasts, levels=5, seed=0, rows_at_once=rows
        )
        for rows in (3, 20)
    )
    assert one.orthogonal == pytest.approx(many.orthogonal, rel=1e-4, abs=1e-6)
    assert one.standard == pytest.approx(many.standard, rel=1e-3, abs=1e-4)


def test_maps_add_up_to_the_total_and_to_the_curve_over_levels(tiny: Any) -> None:
    found = information(
        PipelineDenoiser(tiny), latents=torch.ones(4, 16, 16), levels=4, seed=0,
        contrasts=[Contrast(given="cat", without="dog")],
    )  # fmt: skip
    weights = found.levels.weights.numpy()
    curves: dict[Estimator, Any] = {
        "orthogonal": found.orthogonal_by_level,
        "standard": found.standard_by_level,
    }
    for estimator, curve in curves.items():
        total = found.total(0, estimator=estimator)
        assert total == pytest.approx(float(np.mean(curve[0] * weights)), rel=1e-9)
        in_bits = found.map_of(0, estimator=estimator, unit="bits").sum()
        assert in_bits == pytest.approx(total / math.log(2), rel=1e-9)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_every_kind_of_prediction_becomes_the_noise(tiny: Any, kind: str, monkeypatch: Any) -> None:
    noise, x = torch.randn(2, 4, 16, 16), torch.randn(2, 4, 16, 16)
    log_snr = torch.tensor([-1.0, 2.0])
    signal, share = shares_of(log_snr, like=x)
    predicted = {"epsilon": noise, "v_prediction": signal * noise - share * x, "sample": x}[kind]
    tiny.scheduler.register_to_config(prediction_type=kind)
    try:
        denoiser = PipelineDenoiser(tiny)
        with monkeypatch.context() as patch:
            patch.setattr(tiny.unet, "forward", lambda *_, **__: (predicted,))
            found = denoiser(signal * x + share * noise, log_snr=log_snr, texts=["a", "b"])
    finally:
        tiny.scheduler.register_to_config(prediction_type="epsilon")
    assert torch.allclose(found, noise, atol=1e-5)


def test_the_unet_is_told_the_trained_timestep_nearest_in_log_snr(tiny: Any, monkeypatch: Any) -> None:
    shares = tiny.scheduler.alphas_cumprod.double()
    trained = torch.log(shares / (1 - shares))
    between = 0.6 * trained[500] + 0.4 * trained[501]
    told: list[Any] = []

    def listening(sample: torch.Tensor, timestep: torch.Tensor, **_: Any) -> Any:
        told.extend(timestep.tolist())
        return (sample,)

    monkeypatch.setattr(tiny.unet, "forward", listening)
    levels = torch.stack([trained[0] + 3, between, trained[999] - 3])
    PipelineDenoiser(tiny)(torch.zeros(3, 4, 16, 16), log_snr=levels, texts=["a"] * 3)
    assert told == [0, 500, 999]


def test_xl_is_told_its_texts_and_sizes(tiny_xl: Any) -> None:
    """The denoiser's estimate is the pipeline's own first step without guidance."""
    seen: list[Any] = []
    start = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    hook = tiny_xl.unet.register_forward_hook(lambda *call: seen.append(call[-1]))
    records: list[Any] = []
    before = tiny_xl.unet.register_forward_pre_hook(
        lambda _, args, kwargs: records.append((args, kwargs)), with_kwargs=True
    )
    try:
        tiny_xl(
            "a red circle", latents=start, num_inference_steps=1, guidance_scale=1.0, output_type="latent"
        )
        (sample, timestep), _ = records[0]
        denoiser = PipelineDenoiser(tiny_xl)
        level = denoiser.trained_log_snr[int(timestep)][None]
        found = denoiser(sample, log_snr=level, texts=["a red circle"])
    finally:
        hook.remove()
        before.remove()
    assert torch.allclose(found, seen[0][0], atol=1e-5)


def test_levels_are_stratified_seeded_and_inside_the_clip() -> None:
    levels = draw_levels(PAPER, count=100, generator=torch.Generator().manual_seed(4))
    again = draw_levels(PAPER, count=100, generator=torch.Generator().manual_seed(4))
    assert torch.equal(levels.log_snr, again.log_snr)
    assert (levels.log_snr.diff() > 0).all()
    assert float(levels.log_snr[0]) >= -5
    assert float(levels.log_snr[-1]) <= 7
    share = torch.sigmoid((levels.log_snr - 1) / 2)
    low, high = torch.sigmoid(torch.tensor([-3.0, 3.0], dtype=torch.float64))
    stratum = ((share - low) / (high - low) * 100).floor()
    assert stratum.tolist() == list(range(100))


def test_the_weights_integrate_known_functions() -> None:
    """Control: weights without the clipped share miss by a tenth."""
    for sampling, low, high in ((PAPER, -5.0, 7.0), (PUBLISHED_CODE, -7.0, 9.0)):
        levels = draw_levels(sampling, count=20_000, generator=torch.Generator().manual_seed(5))
        bump = torch.exp(-0.5 * (levels.log_snr - 1) ** 2)
        assert float(levels.weights.mean()) == pytest.approx(high - low, rel=1e-3)
        assert float((levels.weights * bump).mean()) == pytest.approx(math.sqrt(2 * math.pi), rel=1e-3)


def test_a_deleted_word_leaves_the_caption_and_an_underscore_keeps_the_places() -> None:
    word = WordSpan(position=1, text="red", start=2, end=5)
    caption = "a red circle"
    assert conditional_contrast(caption, word).without == "a circle"
    assert conditional_contrast(caption, word, removal="underscore").without == "a _ circle"
    assert marginal_contrast(word) == Contrast(given="red", without="")
    with pytest.raises(ValueError, match="does not stand"):
        conditional_contrast("the red circle", word)


def test_an_own_image_goes_into_the_latent_space_and_back(tiny: Any) -> None:
    picture = Image.fromarray(np.full((32, 64, 3), 90, dtype=np.uint8))
    latents = encode_image(tiny, picture)
    assert latents.shape == (4, 16, 32)
    assert decode_latents(tiny, latents).size == (64, 32)
    with pytest.raises(ValueError, match="multiples of 2, of at least 4"):
        encode_image(tiny, Image.new("RGB", (33, 32)))


def test_a_pipeline_without_a_noise_schedule_is_refused() -> None:
    class Flow:
        scheduler = object()

    with pytest.raises(TypeError, match="noise schedule"):
        PipelineDenoiser(Flow())


def test_the_standard_error_is_the_spread_over_repetitions() -> None:
    """Of totals over levels and noises. Control: the plain spread over levels is a quarter more."""
    generator = torch.Generator().manual_seed(7)
    mean = torch.randn(SHAPE, generator=generator)
    x = mean + SPREAD * torch.randn(SHAPE, generator=generator)
    found = [
        information(
            GaussianWorld({"y": mean}), latents=x, contrasts=[Contrast(given="y", without="")],
            levels=60, seed=seed, sampling=WIDE, rows_at_once=120,
        )
        for seed in range(200)
    ]  # fmt: skip
    spread = float(np.std([each.total(0) for each in found], ddof=1))
    errors = [each.standard_error(0) ** 2 for each in found]
    assert math.sqrt(np.mean(errors)) == pytest.approx(spread, rel=0.15)
