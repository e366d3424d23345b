"""A server that goes away while people decide: what was stored stays, what was not is seen to wait, and is sent."""

from __future__ import annotations

import time

import pytest
from killing import until

from negmine.bank.bank import Bank
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify

pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.by import By
from windows import Page, Server, decided, stored

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("presses", [1, 5, 12])
def test_a_server_that_is_killed_loses_nothing_that_the_page_shows(make_bank, serve, drivers, presses: int) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(20)
    server = serve(bank)
    page = Page(drivers[0], server.url)
    page.press(*["r"] * presses)
    server.kill()  # while it decides
    page.press("a")
    until(lambda: "does not answer" in page.text("#problem"))
    until(lambda: "Not stored yet" in page.text("#waiting"))
    known = stored(bank)
    assert verify(bank).ok and "accepted" not in known.values()
    assert all(known[number] == state for number, state in page.states().items() if state != "unreviewed")
    states = {"… ✓": "accepted", "… ✕": "rejected"}
    waiting = {int(str(tile.get_attribute("data-id"))): tile.text.split("\n")[0] for tile in page.all(".tile.waits")}
    server.start()
    until(lambda: stored(bank) == {**known, **{number: states[mark] for number, mark in waiting.items()}})
    until(lambda: not page.driver.find_element(By.ID, "problem").is_displayed())
    until(lambda: page.states() == stored(bank))
    assert not page.driver.find_element(By.ID, "waiting").is_displayed()
    page.press("t")
    until(lambda: "target" in stored(bank).values())


def lost(make_bank, serve, drivers) -> tuple[Server, Page]:  # type: ignore[no-untyped-def]
    """A page with six negatives whose server is gone, and on which A was pressed."""
    server = serve(make_bank(6))
    page = Page(drivers[0], server.url)
    server.kill()
    page.press("a")
    until(lambda: "Not stored yet: 1 verdict" in page.text("#waiting"))
    return server, page


def test_the_frame_stays_where_nothing_was_stored(make_bank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    server, page = lost(make_bank, serve, drivers)
    until(lambda: page.at() == 6)
    assert page.states()[6] == "unreviewed" and page.text(".tile.at .mark") == "… ✓"
    time.sleep(1)  # it may have been meant for another before
    page.press("r")  # another word on the same
    until(lambda: page.text(".tile.at .mark") == "… ✕")
    assert page.at() == 6 and "1 verdict" in page.text("#waiting")
    server.start()
    until(lambda: decided(server.bank) == {"rejected": 1})
    until(lambda: page.at() == 5 and page.states()[6] == "rejected")


def test_a_verdict_that_waits_is_taken_back(make_bank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    server, page = lost(make_bank, serve, drivers)
    page.press("u")
    until(lambda: not page.driver.find_element(By.ID, "waiting").is_displayed())
    assert page.text("#said") == "Taken back before it was stored: accepted, 1 negative."
    server.start()
    until(lambda: not page.driver.find_element(By.ID, "problem").is_displayed())
    assert decided(server.bank) == {}


def test_a_verdict_that_waits_survives_a_reload(make_bank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    server, page = lost(make_bank, serve, drivers)
    with Verdicts(server.bank) as command:
        command.decide([1], "target", origin="bank")
    page.driver.execute_script("window.fetch = () => Promise.reject(new Error('gone'))")
    server.start()
    page.driver.get(server.url)
    until(lambda: decided(server.bank) == {"accepted": 1, "target": 1})
    with Bank(server.bank) as opened:
        assert list(opened.query("SELECT count(*) FROM acts WHERE origin = 'review'")) == [(1,)]
