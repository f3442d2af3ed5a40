"""The allow-list: what it accepts, and every way it refuses."""

from pathlib import Path

import pytest

from generation import registry

PINNED = "0123456789abcdef0123456789abcdef01234567"
DEFAULTS = 'steps = 30\nguidance = 7.5\nscheduler = "ddim"\nheight = 512\nwidth = 512\n'


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that PERCEPT_MODELS names."""
    path = tmp_path / "models.toml"
    monkeypatch.setenv("PERCEPT_MODELS", str(path))
    return path


def test_without_a_file_only_the_bundled_model_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERCEPT_MODELS", raising=False)
    assert [spec.id for spec in registry.available()] == ["demo"]
    assert registry.get("demo").is_folder


def test_a_hub_model_needs_its_pinned_revision(listed: Path) -> None:
    listed.write_text(
        f'[models.sd2]\nsource = "owner/name"\nrevision = "{PINNED}"\nvariant = "fp16"\n{DEFAULTS}', "utf-8"
    )
    spec = registry.get("sd2")
    assert (spec.source, spec.revision, spec.variant) == ("owner/name", PINNED, "fp16")
    assert not spec.is_folder
    assert spec.defaults == registry.GenerationSettings(
        steps=30, guidance=7.5, scheduler="ddim", height=512, width=512
    )
    assert [each.id for each in registry.available()] == ["demo", "sd2"]


def test_a_folder_needs_a_pipeline_in_it(listed: Path, tmp_path: Path) -> None:
    listed.write_text(f'[models.mine]\nfolder = "{tmp_path}"\n{DEFAULTS}', "utf-8")
    with pytest.raises(registry.ModelFileError, match=r"no model_index\.json"):
        registry.get("mine")
    (tmp_path / "model_index.json").write_text("{}", "utf-8")
    assert registry.get("mine").is_folder


@pytest.mark.parametrize("name", ["main", "v1.0", "0123456", PINNED.upper(), ""])
def test_a_revision_that_can_move_is_refused(listed: Path, name: str) -> None:
    """Control: accepting any string lets a hub owner change the weights under a study."""
    listed.write_text(f'[models.sd2]\nsource = "owner/name"\nrevision = "{name}"\n{DEFAULTS}', "utf-8")
    with pytest.raises(registry.ModelFileError, match="40 hexadecimal"):
        registry.available()


@pytest.mark.parametrize("source", ["https://example.org/x", "../up", "name", "a/b/c", "owner/name@main"])
def test_a_source_that_is_not_a_hub_id_is_refused(listed: Path, source: str) -> None:
    listed.write_text(f'[models.x]\nsource = "{source}"\nrevision = "{PINNED}"\n{DEFAULTS}', "utf-8")
    with pytest.raises(registry.ModelFileError, match="not a hub id"):
        registry.available()


def test_a_model_that_is_not_listed_is_refused_and_the_allowed_are_named(listed: Path) -> None:
    """Control: falling back on the name as a hub id would fetch whatever a visitor types."""
    listed.write_text(f'[models.sd2]\nsource = "owner/name"\nrevision = "{PINNED}"\n{DEFAULTS}', "utf-8")
    with pytest.raises(registry.UnknownModelError, match="allowed are demo, sd2"):
        registry.get("owner/name")


def test_all_faults_are_reported_at_once(listed: Path) -> None:
    listed.write_text(
        '[models.one]\nsource = "owner/name"\nsteps = "many"\ncolour = 3\n'
        f'[models.demo]\nsource = "owner/name"\nrevision = "{PINNED}"\n{DEFAULTS}'
        f'[models.three]\nsource = "owner/name"\nrevision = "{PINNED}"\nsteps = 0\nguidance = 200\n'
        'scheduler = "magic"\nheight = 100\nwidth = 0\n',
        "utf-8",
    )
    with pytest.raises(registry.ModelFileError) as caught:
        registry.available()
    for fault in (
        "[models.one] colour: not a known key",
        "[models.one] steps: expected int",
        "[models.one] scheduler: missing",
        "[models.demo] the id",
        "[models.three] scheduler: 'magic'",
        "[models.three] steps",
        "[models.three] guidance",
        "[models.three] height",
        "[models.three] width",
    ):
        assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "can't be read"), ("models = [", "not TOML"), ("models = 3", "as a table")]
)
def test_a_file_that_is_missing_or_broken_is_named(listed: Path, text: str | None, message: str) -> None:
    """Control: reading a missing file as an empty list would hide a mistyped path."""
    if text is not None:
        listed.write_text(text, "utf-8")
    with pytest.raises(registry.ModelFileError, match=message) as caught:
        registry.available()
    assert str(listed) in str(caught.value)


def test_settings_refuse_what_no_pipeline_can_run() -> None:
    with pytest.raises(ValueError, match=r"steps.*height"):
        registry.GenerationSettings(steps=0, guidance=1.0, scheduler="ddim", height=63, width=64)


def test_a_model_s_window_is_stated_or_read_from_its_folder_or_the_usual_one(
    listed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 20}')
    hub = f'source = "owner/name"\nrevision = "{PINNED}"\n{DEFAULTS}'
    listed.write_text(
        f'[models.mine]\nfolder = "{tmp_path}"\n{DEFAULTS}'
        f"[models.usual]\n{hub}[models.stated]\n{hub}tokens = 64\n",
        "utf-8",
    )
    assert {spec.id: spec.tokens for spec in registry.available()} == {
        "demo": 32,
        "mine": 20,
        "usual": 77,
        "stated": 64,
    }
