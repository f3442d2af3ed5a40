"""The models this installation may run: an allow-list, never a name typed by a visitor.

"demo" is the model that comes with Percept. Others are listed in a TOML file named by PERCEPT_MODELS:

    [models.sd2-base]
    source = "stabilityai/stable-diffusion-2-base"               # a hub id with a pinned revision ...
    revision = "0123456789abcdef0123456789abcdef01234567"
    variant = "fp16"                                             # optional: which weight files
    description = "Stable Diffusion 2 base"
    steps = 30
    guidance = 7.5
    scheduler = "dpm-solver-multistep"
    height = 512
    width = 512
    tokens = 77                                                  # optional: how many its text encoder reads
    heads = "/models/sd2-base-heads.json"                        # optional: its head relevance vectors

    [models.sd3-medium]                                          # Stable Diffusion 3 and Flux too:
    ...                                                          # source, revision, steps, guidance, sizes
    scheduler = "flow-match-euler"                               # the one they run with
    precision = "bfloat16"                                       # optional: what it computes in on a GPU
    tokens = 256

    [models.mine]
    folder = "/models/mine"                                      # ... or a folder on this machine

Standard library only, so that web pages can list models without loading torch.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEDULERS = ("dpm-solver-multistep", "pndm", "ddim", "euler", "flow-match-euler")
# Stable Diffusion 3 and Flux are trained by flow matching: they run with these and with nothing else.
FLOW_SCHEDULERS = ("flow-match-euler",)
FLOW_SIDE_STEP = 16  # pixels: eight to a latent pixel, two latent pixels to a place
DEMO_ID = "demo"
DEMO_FOLDER = Path(__file__).parent / "demo_model"
# What CLIP's text encoder reads, in every Stable Diffusion so far.
USUAL_TOKENS = 77
MOST_TOKENS = 100_000

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{40}")
_KINDS: dict[str, tuple[type, ...]] = {
    "source": (str,),
    "revision": (str,),
    "folder": (str,),
    "variant": (str,),
    "description": (str,),
    "steps": (int,),
    "guidance": (int, float),
    "scheduler": (str,),
    "height": (int,),
    "width": (int,),
    "tokens": (int,),
    "precision": (str,),
    "heads": (str,),
}
PRECISIONS = ("float16", "bfloat16", "float32")
_REQUIRED = ("steps", "guidance", "scheduler", "height", "width")


class UnknownModelError(LookupError):
    """A model that is not on the allow-list."""


class ModelFileError(ValueError):
    """The allow-list can't be used; the message names every fault."""


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How images are made. height and width in pixels; guidance 1 or less means no guidance.

    Raises ValueError for values that no pipeline can run with.
    """

    steps: int
    guidance: float
    scheduler: str
    height: int
    width: int
    negative_prompt: str = ""

    def __post_init__(self) -> None:
        if faults := _setting_faults(vars(self)):
            raise ValueError("; ".join(faults))


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of the allow-list.

    source: a hub id with a pinned revision (40 hexadecimal digits), or a folder with revision None.
    variant: the infix of the weight files ("fp16"), or None.
    tokens: how many its text encoder reads of a prompt, its own two marks included.
    precision: what its weights are kept and computed in on a GPU; on a CPU always float32.
    heads: file of its head relevance vectors (manage.py head_relevance), or None.
    """

    id: str
    source: str
    revision: str | None
    description: str
    defaults: GenerationSettings
    variant: str | None = None
    tokens: int = USUAL_TOKENS
    precision: str = "float16"
    heads: str | None = None

    @property
    def is_flow(self) -> bool:
        """Whether it is trained by flow matching (Stable Diffusion 3, Flux), as its own scheduler tells."""
        return self.defaults.scheduler in FLOW_SCHEDULERS

    def refusal(self, settings: GenerationSettings) -> str:
        """Why the model can't run with these settings, with the remedy; empty where it can."""
        fitting = [name for name in SCHEDULERS if (name in FLOW_SCHEDULERS) == self.is_flow]
        if settings.scheduler not in fitting:
            return f"Scheduler {settings.scheduler} doesn't fit {self.id}. Choose {' or '.join(fitting)}."
        sides = {"Width": settings.width, "Height": settings.height}
        odd = [f"{name} {side}" for name, side in sides.items() if self.is_flow and side % FLOW_SIDE_STEP]
        if odd:
            return f"{odd[0]} is no multiple of {FLOW_SIDE_STEP}, which {self.id} needs. Choose one that is."
        return ""

    @property
    def is_folder(self) -> bool:
        """Whether the weights lie on this machine and nothing is fetched."""
        return self.revision is None


def available() -> tuple[ModelSpec, ...]:
    """Every model of the allow-list, the bundled one first. Raises ModelFileError, naming all faults."""
    return (_demo(), *_listed())


def get(model_id: str) -> ModelSpec:
    """The model with that id. Raises UnknownModelError for anything that is not on the allow-list."""
    specs = {spec.id: spec for spec in available()}
    if model_id not in specs:
        raise UnknownModelError(f"{model_id!r} is not an allowed model; allowed are {', '.join(specs)}")
    return specs[model_id]


def _demo() -> ModelSpec:
    return ModelSpec(
        id=DEMO_ID,
        source=str(DEMO_FOLDER),
        revision=None,
        description="The small model bundled with Percept (coloured shapes); not Stable Diffusion",
        defaults=GenerationSettings(
            steps=16, guidance=2.0, scheduler="dpm-solver-multistep", height=64, width=64
        ),
        tokens=_tokens_of(DEMO_FOLDER),
        heads=str(DEMO_FOLDER / "head_relevance.json"),
    )


def _tokens_of(folder: Path) -> int:
    """How many tokens the folder's tokenizer lets through; the usual number where it doesn't say."""
    try:
        stated = json.loads((folder / "tokenizer" / "tokenizer_config.json").read_bytes())["model_max_length"]
    except (OSError, ValueError, KeyError, TypeError):
        return USUAL_TOKENS
    # Some tokenizers state a number that means "no limit"; the text encoder still has the usual one.
    return stated if isinstance(stated, int) and 2 < stated <= MOST_TOKENS else USUAL_TOKENS


def _listed() -> tuple[ModelSpec, ...]:
    name = os.environ.get("PERCEPT_MODELS", "")
    if not name:
        return ()
    path = Path(name)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("models", {})
    except OSError as error:
        raise ModelFileError(f"PERCEPT_MODELS: {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelFileError(f"PERCEPT_MODELS: {path} is not TOML: {error}") from error
    if not isinstance(tables, dict):
        raise ModelFileError(f"PERCEPT_MODELS: {path}: write each model as a table [models.ID]")
    faults = [f"[models.{key}] {fault}" for key, table in tables.items() for fault in _faults(key, table)]
    if faults:
        raise ModelFileError(f"PERCEPT_MODELS: {path}:\n" + "\n".join(faults))
    return tuple(_spec(key, table) for key, table in tables.items())


def _spec(model_id: str, table: Mapping[str, Any]) -> ModelSpec:
    return ModelSpec(
        id=model_id,
        source=table.get("folder") or table["source"],
        revision=table.get("revision"),
        description=table.get("description", ""),
        variant=table.get("variant"),
        precision=table.get("precision") or _usual_precision(table["scheduler"]),
        heads=table.get("heads"),
        tokens=table.get("tokens")
        or (_tokens_of(Path(table["folder"])) if "folder" in table else USUAL_TOKENS),
        defaults=GenerationSettings(
            steps=table["steps"],
            guidance=float(table["guidance"]),
            scheduler=table["scheduler"],
            height=table["height"],
            width=table["width"],
        ),
    )


def _usual_precision(scheduler: str) -> str:
    # The text encoder T5 overflows in float16.
    return "bfloat16" if scheduler in FLOW_SCHEDULERS else "float16"


def _faults(model_id: str, table: object) -> list[str]:
    """Every reason not to accept an entry, in the order of the file's keys."""
    if not isinstance(table, dict):
        return ["is not a table"]
    faults = [f"{key}: not a known key" for key in table if key not in _KINDS]
    faults += [
        f"{key}: expected {' or '.join(kind.__name__ for kind in _KINDS[key])}, got {value!r}"
        for key, value in table.items()
        if key in _KINDS and (not isinstance(value, _KINDS[key]) or isinstance(value, bool))
    ]
    faults += [f"{key}: missing" for key in _REQUIRED if key not in table]
    if not _ID.fullmatch(model_id) or model_id == DEMO_ID:
        faults.append(f"the id must match {_ID.pattern} and not be {DEMO_ID!r}")
    if "heads" in table and not Path(str(table["heads"])).is_file():
        faults.append(f"heads: there is no file {table['heads']}; make it with manage.py head_relevance")
    return faults or [*_source_faults(table), *_setting_faults(table)]


def _source_faults(table: Mapping[str, Any]) -> list[str]:
    if ("folder" in table) == ("source" in table):
        return ["name either source (a hub id) or folder"]
    if "folder" in table:
        folder = Path(table["folder"])
        if "revision" in table:
            return ["revision: a folder has none"]
        return [] if (folder / "model_index.json").is_file() else [f"folder: no model_index.json in {folder}"]
    faults = []
    if not _HUB_ID.fullmatch(table["source"]):
        faults.append(f"source: {table['source']!r} is not a hub id (owner/name)")
    if not _REVISION.fullmatch(table.get("revision", "")):
        faults.append("revision: pin the commit with its 40 hexadecimal digits; a branch or tag can move")
    return faults


def _setting_faults(values: Mapping[str, Any]) -> list[str]:
    faults = []
    if values["scheduler"] not in SCHEDULERS:
        faults.append(f"scheduler: {values['scheduler']!r} is not one of {', '.join(SCHEDULERS)}")
    if not 1 <= values["steps"] <= 1000:
        faults.append("steps: must lie between 1 and 1000")
    if not 0 <= values["guidance"] <= 100:
        faults.append("guidance: must lie between 0 and 100")
    if "tokens" in values and not 2 < values["tokens"] <= MOST_TOKENS:
        faults.append("tokens: must be at least 3; two are the model's own marks")
    if values.get("precision", PRECISIONS[0]) not in PRECISIONS:
        faults.append(f"precision: {values['precision']!r} is not one of {', '.join(PRECISIONS)}")
    for side in ("height", "width"):
        if values[side] < 8 or values[side] % 8:
            faults.append(f"{side}: must be a positive multiple of 8")
    return faults
