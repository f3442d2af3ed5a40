"""Readers of the environment fail with the variable's name, the value's class and the remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import env


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THING", raising=False)


def test_a_missing_variable_is_named_with_its_remedy() -> None:
    with pytest.raises(env.SettingError, match=r"^THING is not set\. Write one\.$"):
        env.required("THING", remedy="Write one.")


def test_a_blank_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING", "  ")

    with pytest.raises(env.SettingError):
        env.required("THING", remedy="Write one.")
    assert env.text("THING", default="other") == "other"
    assert env.flag("THING", default=True) is True


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)],
)
def test_a_flag_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch, written: str, meant: bool) -> None:
    monkeypatch.setenv("THING", written)

    assert env.flag("THING", default=not meant) is meant


@pytest.mark.parametrize("written", ["2", "ja", "True False", "1.0"])
def test_an_unclear_flag_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """Control: reading anything that is not a yes as a no, so that DEBUG=ture goes unseen."""
    monkeypatch.setenv("THING", written)

    with pytest.raises(env.SettingError, match="THING=1 or THING=0"):
        env.flag("THING", default=False)


@pytest.mark.parametrize("written", ["1_000", "１０", "1e3", "ten", "0x10", "--1", "1.0"])
def test_only_plain_digits_are_a_number(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """Control: int() alone, which takes 1_000 and full-width digits."""
    monkeypatch.setenv("THING", written)

    with pytest.raises(env.SettingError, match="whole number from 1 to 2000"):
        env.integer("THING", default=1, minimum=1, maximum=2000)


@pytest.mark.parametrize("written", ["0", "2001", "-5"])
def test_a_number_outside_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("THING", written)

    with pytest.raises(env.SettingError, match="outside its range"):
        env.integer("THING", default=1, minimum=1, maximum=2000)


def test_a_file_in_the_place_of_a_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("THING", str(tmp_path / "file"))

    with pytest.raises(env.SettingError, match="not a folder"):
        env.folder("THING", default=tmp_path)


@given(secret=st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P")), min_size=8))
def test_no_message_repeats_the_value(secret: str) -> None:
    """Control: f"{value!r}" in a message; values may be secrets, and messages end up in logs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THING", f"!{secret}")
        with pytest.raises(env.SettingError) as refused:
            env.flag("THING", default=False)
        assert secret not in str(refused.value)
        with pytest.raises(env.SettingError) as refused:
            env.integer("THING", default=0, minimum=0, maximum=1)
        assert secret not in str(refused.value)


def test_a_file_fills_what_the_shell_leaves_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("THING", "from the shell")
    monkeypatch.delenv("OTHER", raising=False)
    file = tmp_path / ".env"
    file.write_text("# a comment\n\nTHING=from the file\nexport OTHER='quoted = kept'\n")

    env.read_file(file)

    assert env.text("THING", default="") == "from the shell"
    assert env.text("OTHER", default="") == "quoted = kept"
    monkeypatch.delenv("OTHER")


def test_every_bad_line_of_a_file_is_listed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("no equals sign\nA_GOOD=1\nbad-name=1\n")

    with pytest.raises(env.SettingError, match="line 1, 3 is not NAME=value"):
        env.read_file(file)
