from pathlib import Path

import pytest

from hinomi.errors import ConfigError, Faults
from hinomi.settings import load_settings


def test_all_faults_are_named_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "hinomi.toml"
    file.write_text('colour = "red"\n[api]\nlisten = "nowhere"\n[sources.a]\nkind = "file"\ntenant = "UPPER"\n')
    with pytest.raises(Faults) as caught:
        load_settings(file)
    text = str(caught.value)
    assert "hinomi.toml:1: unknown key colour" in text
    assert "hinomi.toml:3: api.listen" in text
    assert "hinomi.toml:6: sources.a.tenant" in text
    assert caught.value.exit_code == 2


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hinomi.toml"
    file.write_text('[api]\nlisten = "127.0.0.1:1"\n')
    monkeypatch.setenv("HINOMI_API__LISTEN", "127.0.0.1:2")
    assert load_settings(file).api.address == ("127.0.0.1", 2)


def test_broken_toml_names_file_and_place(tmp_path: Path) -> None:
    file = tmp_path / "hinomi.toml"
    file.write_text("data = \n")
    with pytest.raises(ConfigError, match="line 1"):
        load_settings(file)


def test_the_data_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "hinomi.toml"
    file.write_text('data = "kept"\n')
    assert load_settings(file).data == tmp_path / "kept"
