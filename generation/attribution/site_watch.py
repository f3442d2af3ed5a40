"""Which way each module's attention is seen: told by its caller, or by hooks where that would miss it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from generation.attribution.callers import has_usual_forward, is_usual, usual_processors
from generation.attribution.running import Turn
from generation.attribution.site_hooks import SiteHooks
from generation.attribution.sites import Site
from generation.attribution.watch import CallerWatch, Listener


class SiteWatch:
    """Watches sites from before a call of their denoiser until after it."""

    def __init__(
        self,
        sites: Sequence[Site],
        *,
        listener: Callable[[Site], Listener],
        turn: Turn,
        text: Callable[[], tuple[int, int] | None],
    ) -> None:
        """listener: makes what is told of a site's calls.

        text: how many rows and keys it has in the denoiser's call that runs; None where it isn't recorded.
        """
        self._sites = sites
        self._listener = listener
        self._turn = turn
        self._text = text
        self._callers = CallerWatch()
        self._hooks: dict[str, SiteHooks] = {}
        # Paths of the sites whose call was seen in this call of the denoiser, in the order they run, and of
        # those that once were not.
        self.heard: dict[str, None] = {}
        self._doubted: set[str] = set()
        # Of the modules that their callers tell: as they were when they showed that.
        self._told: list[tuple[Any, Any]] = []
        self._told_classes: set[type[Any]] = set()
        self._told_among: frozenset[type[Any]] = frozenset()
        self._is_ours = True

    def forget_doubts(self) -> None:
        """From now on, what a site has once missed counts no longer."""
        self._doubted.clear()

    def begin(self, *, keys: int) -> None:
        """Before a call: by hooks, until a call has shown that its caller tells it. keys: of the text."""
        processors = usual_processors()
        if self._hooks or not self._is_as_told(processors):
            self._choose(processors)
        self.heard.clear()
        if self._told:
            self._callers.start(keys=keys)

    def _is_as_told(self, processors: frozenset[type[Any]]) -> bool:
        """Whether all sites are told by their callers, and none has been changed since."""
        if len(self._told) < len(self._sites) or processors != self._told_among:
            return False
        # Asked before every step, of all modules: so the way that most go is a short one.
        for module, processor in self._told:
            if module.processor is not processor or "forward" in module.__dict__:
                return False
        return all(has_usual_forward(each) for each in self._told_classes)

    def _choose(self, processors: frozenset[type[Any]]) -> None:
        listeners = self._callers.modules
        new: dict[nn.Module, Listener] = {}
        for site in self._sites:
            hooks, module = self._hooks.get(site.path), site.attention
            has_usual = is_usual(module, processors)
            may_be_told = has_usual and site.path not in self._doubted
            if hooks is None and may_be_told and module in listeners:
                continue
            if may_be_told and hooks is not None and hooks.is_usual:
                self._hooks.pop(site.path).detach()
                new[module] = hooks.hear
                continue
            if hooks is None:
                self._callers.forget([module])
                hooks = self._hooks[site.path] = SiteHooks(
                    site, hear=self._listener(site), turn=self._turn, text=self._text
                )
            hooks.attach(usual_processor=module.processor if has_usual else None)
        self._callers.listen(new)
        self._told = [(module, module.processor) for module in self._callers.modules]
        self._told_classes = {type(module) for module, _ in self._told}
        self._told_among = processors

    def end(self) -> None:
        """After a call, where it failed too."""
        self._is_ours = self._callers.stop()

    def close(self) -> None:
        """Takes every hook away."""
        self._callers.stop()
        self._callers.forget([site.attention for site in self._sites])
        self._told.clear()
        while self._hooks:
            self._hooks.popitem()[1].detach()

    def check(self) -> None:
        """After a call that was recorded. Raises ValueError where attention has run and was not seen."""
        if len(self.heard) == len(self._sites):
            return
        # Left out by the model, or it has changed its ways amid the step: hooks tell from now on.
        missing = [site for site in self._sites if site.path not in self.heard]
        self._doubted.update(site.path for site in missing)
        processors, told = usual_processors(), self._callers.modules
        for site in missing:
            if site.attention in told and not is_usual(site.attention, processors):
                raise ValueError(
                    f"{site.path}: was given another processor or forward while the denoiser ran, so its "
                    "attention was not seen; exchange it between two steps"
                )
        if not self._is_ours:
            raise ValueError(
                "another function was put at torch.nn.functional.scaled_dot_product_attention while the "
                "denoiser ran, so attention was not seen; put it there before the pipeline runs"
            )
