"""The data and the two models: read without scikit-lego's code, trained for real, measured by counting."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import DigestMismatch, ExtraMissing, ValueInvalid
from modelwarden.fingerprints.file import fingerprint_file
from modelwarden.tour import arrests, training
from modelwarden.tour.logistic import Logistic

if TYPE_CHECKING:
    from pathlib import Path

MODEL = Logistic(features=("age", "checks"), weights=(0.5, -1.0), intercept=0.25, threshold=0.5)


@pytest.fixture(scope="module")
def rows() -> arrests.Arrests:
    return arrests.read(arrests.data_file())


def test_the_data_are_split_by_year_into_known_numbers_of_rows(rows: arrests.Arrests) -> None:
    assert (len(rows.training), len(rows.later)) == (3_738, 1_488)
    assert max(row.year for row in rows.training) == 2000
    assert min(row.year for row in rows.later) == 2001


def test_the_data_are_read_without_importing_scikit_lego(rows: arrests.Arrests) -> None:
    assert rows.training
    assert not [name for name in sys.modules if name.partition(".")[0] == "sklego"]


def test_no_model_is_given_colour_or_sex(rows: arrests.Arrests) -> None:
    assert set(rows.training[0].features) == {"age", "employed", "citizen", "checks"}


def test_the_same_rows_give_the_same_file(rows: arrests.Arrests, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        arrests.write(rows.later, rows.header, tmp_path / name)
    one, other = (fingerprint_file(tmp_path / name).fingerprint for name in ("a.csv", "b.csv"))
    assert one == other
    assert len((tmp_path / "a.csv").read_text("utf-8").splitlines()) == 1_489


def test_an_archive_with_other_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _install(tmp_path, b"other bytes")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DigestMismatch, match="the tour knows 330f08cf"):
        arrests.data_file()


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in ("sklearn", "sklego"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ExtraMissing, match=r"pip install 'modelwarden\[demo\]'"):
        arrests.require_extra()
    with pytest.raises(ExtraMissing, match=r"pip install 'modelwarden\[demo\]'"):
        arrests.data_file()


def test_the_first_model_measures_as_the_specification_says(rows: arrests.Arrests) -> None:
    measured = training.measure(training.train(rows.training, training.ALL_FEATURES), rows.later)
    assert measured.metrics() | {"accuracy": ""} == {
        "roc_auc": "0.720",
        "accuracy": "",
        "parity_difference_colour": "0.145",
        "parity_ratio_colour": "0.813",
    }


def test_the_second_model_is_fairer_and_still_above_the_floor(rows: arrests.Arrests) -> None:
    model = training.train(rows.training, training.WITHOUT_CITIZEN)
    measured = training.measure(model, rows.later)
    assert "citizen" not in model.features
    assert measured.auc >= 0.70
    assert measured.difference < 0.10
    assert measured.ratio > 0.80


def test_a_model_comes_back_from_its_bytes() -> None:
    assert Logistic.from_bytes(MODEL.to_bytes()) == MODEL


def test_a_probability_is_the_logistic_function_of_the_weighted_sum() -> None:
    assert MODEL.probability({"age": 0.0, "checks": 0.25}) == 0.5
    assert MODEL.answer({"age": 0.0, "checks": 0.25})
    assert not MODEL.answer({"age": 0.0, "checks": 0.26})


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", MODEL.to_bytes().replace(b"/v1", b"/v9"), b"\x80\x04K\x01."],
)
def test_what_is_no_such_document_is_refused(data: bytes) -> None:
    with pytest.raises(ValueInvalid):
        Logistic.from_bytes(data)


def _install(folder: Path, data: bytes) -> None:
    """Lay out a distribution of that name whose archive has other bytes."""
    (folder / "sklego" / "data").mkdir(parents=True)
    (folder / "sklego" / "data" / "arrests.zip").write_bytes(data)
    record = folder / "scikit_lego-9.9.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-lego\nVersion: 9.9\n")
    (record / "RECORD").write_text("sklego/data/arrests.zip,,\n")
