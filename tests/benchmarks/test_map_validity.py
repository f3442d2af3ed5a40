"""The arithmetic of benchmarks.map_validity, and one picture through all of it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import map_validity
from benchmarks.map_validity import Scores, iou, mean_over_pictures, ratios
from benchmarks.map_validity_maps import Drawn, Target, head_weights, targets
from benchmarks.map_validity_page import BEGIN, END, write_figures
from generation.attribution.relevance import load_relevance
from training.demo_model.evaluate import load_pipeline
from training.demo_model.judge import Wanted
from training.demo_model.prompts import AskedPicture

TRUTH = np.zeros((8, 8), dtype=bool)
TRUTH[:4, :4] = True


def test_overlap_is_intersection_over_union() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[:4, 2:6] = True
    assert iou(mask, TRUTH) == pytest.approx(8 / 24)


def test_the_interval_takes_words_of_one_picture_as_one_cluster() -> None:
    """Worked by hand: two pictures with sums of deviations 0.2 and -0.2 over four words."""
    mean, half = mean_over_pictures([(0, 0.6), (0, 0.6), (1, 0.4), (1, 0.4)])
    assert mean == pytest.approx(0.5)
    assert half == pytest.approx(1.96 * (2 * (0.2**2 + 0.2**2) / 16) ** 0.5)
    assert np.isnan(mean_over_pictures([(0, 0.6), (0, 0.4)])[1])


def _scored(word_map: np.ndarray) -> Scores:
    scores = Scores()
    for picture in range(2):
        maps = {"paper": word_map, "step 1": word_map}
        scores.add(Target(picture=picture, kind="single", part="noun", truth=TRUTH, maps=maps))
    return scores


def test_a_perfect_map_scores_one_and_the_whole_image_its_share() -> None:
    rows = {(row["variant"], row["rule"], row["tau"]): row["iou"] for row in _scored(TRUTH * 1.0).variants()}
    for rule in ("max", "minmax"):
        for tau in (0.3, 0.4, 0.5):
            assert rows["paper", rule, tau] == 1
            assert rows["whole image", rule, tau] == 0.25
            assert rows["random half", rule, tau] < 0.3
    (sweep,) = [row for row in _scored(TRUTH * 1.0).sweeps() if row["rule"] == "max"]
    assert (sweep["variant"], sweep["tau"], sweep["maps"]) == ("step 1", 0.4, 2)


def test_a_missed_target_is_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: a map that covers everything is as good as the whole image, and no better."""
    for word_map, code in ((TRUTH * 1.0, 0), (np.ones((8, 8)) + TRUTH * 0.1, 1)):
        figures = {
            "weights_sha256": "0" * 64, "prompts": 2, "words": {"noun": 2}, "levels": 1, "seconds": 0.0,
            "variants": _scored(word_map).variants(), "sweeps": [],
            "relations": {"scenes": 0, "right": {}},
        }  # fmt: skip
        monkeypatch.setattr(map_validity, "measure", lambda *_, figures=figures, **__: figures)
        monkeypatch.setattr("sys.argv", ["map_validity", "--check"])
        assert map_validity.main() == code
        assert (min(ratios(figures).values()) >= 3) == (code == 0)


def test_every_kind_of_map_of_a_picture_is_made() -> None:
    pipeline = load_pipeline(Path("generation/demo_model"))
    relevance = load_relevance(Path("generation/demo_model/head_relevance.json"))
    asked = AskedPicture(kind="single", text="a red circle", wanted=(Wanted(colour="red", shape="circle"),))
    drawn = Drawn(pipeline, asked=[asked], seeds=[1])
    found = list(
        targets(
            pipeline, drawn, first_picture=0, chosen=head_weights(relevance), relevance=relevance, levels=2
        )
    )
    assert [target.part for target in found] == ["noun", "adjective"]
    names = set(found[0].maps)
    wanted = {"paper", "castorini", "v1", "MI", "CMI", "attention + information", "step 16", "steps 1-16"}
    assert wanted < names
    assert sum(name.startswith("only up_blocks") for name in names) == 4
    assert all(each.shape == (64, 64) for each in found[0].maps.values())
    # All steps together are the paper's map, up to the rounding of running sums.
    assert found[0].maps["steps 1-16"] == pytest.approx(found[0].maps["paper"], abs=1e-5)


def test_the_page_takes_the_figures_between_its_marks(tmp_path: Path) -> None:
    scores = _scored(TRUTH * 1.0)
    figures = {
        "weights_sha256": "ab" * 32, "prompts": 2, "words": {"noun": 2}, "levels": 1,
        "variants": scores.variants(), "sweeps": scores.sweeps(),
        "relations": {"scenes": 4, "right": {"standard": 3, "orthogonal": 1}},
    }  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_figures(page, figures)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| paper | 1.000 ± 0.000 |" in text
    assert "| *whole image* | 0.250 ± 0.000 |" in text
    assert "colours in 3 by the standard" in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="once"):
        write_figures(page, figures)
