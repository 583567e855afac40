"""The two vocabularies, and how names in one find their way to the other."""

import pytest

from nomos_mcp.lifecycle import (
    CURIE,
    EDISON,
    STATUSES,
    VERSIONS,
    ApiVersion,
    UnknownVersionError,
    blocked_statuses,
    final_statuses,
    nearest_status,
    neighbours,
    open_statuses,
)
from nomos_mcp.lifecycle.statuses import PATHS


def test_curie_has_eight_statuses_in_lifecycle_order() -> None:
    assert STATUSES[CURIE] == (*PATHS[CURIE], "cancelled")


def test_edison_has_fourteen_statuses() -> None:
    assert len(set(STATUSES[EDISON])) == 14


@pytest.mark.parametrize("version", VERSIONS)
def test_the_documented_line_goes_in_lifecycle_order(version: ApiVersion) -> None:
    assert tuple(status for status in STATUSES[version] if status in PATHS[version]) == PATHS[version]


@pytest.mark.parametrize("version", VERSIONS)
def test_open_is_every_status_but_the_ends(version: ApiVersion) -> None:
    assert set(STATUSES[version]) - set(open_statuses(version)) <= {"activated", "cancelled", "pre_installed"}
    assert not {"activated", "cancelled", "pre_installed"} & set(open_statuses(version))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_status_is_either_open_or_final(version: ApiVersion) -> None:
    assert {*open_statuses(version), *final_statuses(version)} == set(STATUSES[version])
    assert not {*open_statuses(version)} & {*final_statuses(version)}


def test_only_edison_has_statuses_that_are_a_block() -> None:
    assert blocked_statuses(EDISON) == ("blocked", "blocked_wim")
    assert blocked_statuses(CURIE) == ()


def test_a_version_without_meter_orders_has_no_statuses() -> None:
    with pytest.raises(UnknownVersionError):
        open_statuses("2025-12-01.chucky")  # type: ignore[arg-type]  # what a setting may hold


@pytest.mark.parametrize(
    ("name", "first"),
    [("plced", "placed"), ("Canceled", "cancelled"), ("installation-finished", "installation_finished")],
)
def test_a_misspelt_name_finds_its_nearest(name: str, first: str) -> None:
    assert nearest_status(name, CURIE)[0] == first


def test_the_closest_name_comes_first_whatever_its_vocabulary() -> None:
    assert nearest_status("check", CURIE)[0] == "checked"
    assert nearest_status("schedule", EDISON)[0] == "scheduled"


def test_of_two_names_equally_close_that_of_the_version_asked_comes_first() -> None:
    assert nearest_status("waited", CURIE) == ["activated", "created", "waiting"]
    assert nearest_status("waited", EDISON) == ["activated", "waiting", "created"]


def test_a_name_like_no_other_has_no_nearest() -> None:
    assert nearest_status("zzz", CURIE) == []


def test_the_manual_review_has_no_neighbour_in_curie() -> None:
    assert neighbours("blocked", EDISON) == ()


def test_every_neighbour_is_a_name_of_the_other_vocabulary() -> None:
    for version in VERSIONS:
        foreign = (*STATUSES[EDISON if version == CURIE else CURIE], "blocked")
        for status in STATUSES[version]:
            assert all(name.split()[0] in foreign for name in neighbours(status, version))
