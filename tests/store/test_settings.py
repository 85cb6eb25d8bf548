"""Settings: defaults, then the file, then the environment, then what was chosen in code; unknown keys are errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwarden import config
from modelwarden.errors import SettingInvalid
from modelwarden.warden.warden import open_warden


def _file(folder: Path, text: str) -> Path:
    path = folder / "modelwarden.yaml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_stand_alone() -> None:
    assert config.load(environment={}) == config.Settings()


def test_the_environment_wins_over_the_file_and_code_over_both(tmp_path: Path) -> None:
    path = _file(tmp_path, "port: 1111\nhost: file.example\nread_rate: 7\n")
    environment = {"MODELWARDEN_PORT": "2222", "MODELWARDEN_HOST": "environment.example"}
    found = config.load({"host": "code.example"}, file=path, environment=environment)
    assert (found.port, found.host, found.read_rate) == (2222, "code.example", 7)


def test_the_file_nests_where_the_environment_is_flat(tmp_path: Path) -> None:
    path = _file(tmp_path, "ledger: {guard_file: /a/guard, origin: a.example/log}\n")
    found = config.load(file=path, environment={"MODELWARDEN_LEDGER_ORIGIN": "b.example/log"})
    assert found.ledger_guard_file == Path("/a/guard")
    assert found.ledger_origin == "b.example/log"


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("prot: 1\n", {}),
        ("ledger: {gaurd_file: x}\n", {}),
        ("", {"MODELWARDEN_PROT": "1"}),
    ],
)
def test_an_unknown_key_is_an_error_that_names_it(
    tmp_path: Path, text: str, environment: dict[str, str]
) -> None:
    with pytest.raises(SettingInvalid, match=r"prot|gaurd"):
        config.load(file=_file(tmp_path, text), environment=environment)


def test_an_unknown_key_in_code_is_an_error() -> None:
    with pytest.raises(SettingInvalid, match="colour"):
        config.load({"colour": "red"}, environment={})


@pytest.mark.parametrize(
    ("name", "text"),
    [("PORT", "eighty"), ("EMBEDDED", "perhaps"), ("READ_RATE", "1.5")],
)
def test_a_value_of_another_form_is_an_error(name: str, text: str) -> None:
    with pytest.raises(SettingInvalid, match=name.lower()):
        config.load(environment={f"MODELWARDEN_{name}": text})


def test_words_of_the_environment_become_values() -> None:
    environment = {
        "MODELWARDEN_EMBEDDED": "False",
        "MODELWARDEN_ARTIFACT_ROOTS": "/a:/b",
        "MODELWARDEN_BEHIND_PROXY": "10.0.0.0/8",
        "MODELWARDEN_TOKEN": "is no setting",
        "MODELWARDEN_AS": "alice",
        "PATH": "/bin",
    }
    found = config.load(environment=environment)
    assert not found.embedded
    assert found.artifact_roots == (Path("/a"), Path("/b"))
    assert found.behind_proxy == ("10.0.0.0/8",)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "just words\n"])
def test_a_file_that_holds_no_keys_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingInvalid):
        config.load(file=_file(tmp_path, text), environment={})


def test_a_file_that_was_named_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid):
        config.load(file=tmp_path / "absent.yaml", environment={})


def test_places_lie_beside_a_sqlite_file() -> None:
    found = config.Settings(url="sqlite:////var/lib/warden.db").located()
    assert found.keys_folder == Path("/var/lib/warden.keys")
    assert found.ledger_guard_file == Path("/var/lib/warden.guard")
    assert found.artifact_store == Path("/var/lib/warden.artifacts")


def test_another_database_needs_a_folder_for_the_keys() -> None:
    with pytest.raises(SettingInvalid, match="keys"):
        config.Settings(url="postgresql://localhost/x").located()


def test_a_temporary_warden_leaves_nothing_behind() -> None:
    with open_warden("sqlite://") as warden:
        warden.add_user("alice", roles=["developer"])
        folder = warden.settings.keys_folder
        assert folder is not None
        assert folder.exists()
    assert not folder.parent.exists()


def test_what_a_guard_reads_from_the_environment_is_no_setting_of_the_server() -> None:
    environment = {"MODELWARDEN_STATE_DIR": "/state", "MODELWARDEN_SNAPSHOT_KEYS": "warden.pem"}
    assert config.load(environment=environment) == config.Settings()
