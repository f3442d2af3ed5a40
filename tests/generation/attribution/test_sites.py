"""The modules that attend to text are found without looking into every other, and calls are read by name."""

import inspect
from typing import Any

import pytest
from diffusers.models.attention_processor import Attention

from benchmarks.models import mini_sd2, mini_sdxl, tiny_pipeline
from generation.attribution import sites
from generation.attribution.signatures import by_name, places_of, signature_of
from generation.attribution.sums import Scope


@pytest.mark.parametrize("make", [tiny_pipeline, mini_sd2, mini_sdxl])
def test_every_attention_to_text_is_found_with_the_innermost_feature_map_around_it(make: Any) -> None:
    """Control: leaving out a kind of module that has attention in it, such as transformer blocks."""
    unet = make().unet
    found = sites.find_sites(unet, Scope(), modules=sites.modules_by_path(unet))
    every = [
        (path, module)
        for path, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    ]
    assert [(site.path, site.attention) for site in found] == every
    assert all(site.heads == tuple(range(site.attention.heads)) for site in found)
    assert [site.grid_of for site in found] == [path.split(".transformer_blocks")[0] for path, _ in every]


def test_the_arguments_of_a_call_are_those_that_python_would_bind() -> None:
    """Control: counting places from the object itself."""
    unet = tiny_pipeline().unet
    args, kwargs = ("latents", 7), {"encoder_hidden_states": "text", "return_dict": False}
    bound = inspect.signature(unet.forward).bind_partial(*args, **kwargs).arguments
    assert by_name(places_of(unet.forward), args, kwargs) == bound
    assert signature_of(unet.forward) == inspect.signature(unet.forward)


def test_a_function_put_on_an_object_is_read_itself() -> None:
    """Control: asking its class."""

    class Model:
        def forward(self, sample: Any) -> None: ...

    model: Any = Model()
    assert places_of(model.forward) == ("sample",)
    model.forward = lambda latents, times: (latents, times)
    assert places_of(model.forward) == ("latents", "times")
