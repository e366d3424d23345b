"""The page in a real browser: what people press, see and rely on."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from banks import NATIVE, MakeBank
from blobs import draw, square_detector
from killing import until

from negmine.bank.bank import Bank
from negmine.bank.content_files import NEGATIVES, content_name
from negmine.bank.gaps import likely_misses
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.files import sha256_of
from negmine.images import encode_jpeg
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.scan import scan

pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from windows import Page, decided, many_negatives, stored

pytestmark = pytest.mark.slow


def test_decide_undo_and_reload(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(6)
    page = Page(drivers[0], serve(bank).url)
    assert "token" not in page.driver.current_url
    assert page.at() == 6  # the hardest
    page.press("a", "r", "t")
    until(lambda: stored(bank) == {6: "accepted", 5: "rejected", 4: "target", **dict.fromkeys((3, 2, 1), "unreviewed")})
    until(lambda: page.at() == 3 and page.states() == stored(bank))
    until(lambda: page.text("#progress-text") == "3 of 6 decided: 1 accepted, 1 rejected, 1 target")
    page.driver.refresh()
    page.wait_for_tiles()
    assert set(page.states()) == {1, 2, 3}  # the rest is to be decided
    page.press("u")
    until(lambda: stored(bank)[4] == "unreviewed")
    page.press("z", holding=Keys.CONTROL)
    until(lambda: stored(bank)[5] == "unreviewed")
    page.press("u")
    until(lambda: set(stored(bank).values()) == {"unreviewed"})
    until(lambda: page.text("#progress-text").startswith("0 of 6"))
    page.press("u")
    until(lambda: page.text("#said") == "There is nothing to undo.")
    assert page.errors() == []


def test_ranges_and_all_like_this(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(6)
    with BankWriter(bank, purpose="a test") as writer:
        list(
            writer.query("INSERT INTO likenesses VALUES (6, 0.1, 1, 1), (5, 0.2, 2, 2), (4, 0.3, 1, 1), (3, 0.4, 1, 3)")
        )
    page = Page(drivers[0], serve(bank).url)
    assert page.text("#shown") == "6 negatives"  # each alone, at first
    page.press("g", Keys.HOME)
    until(lambda: "5 lines of 6 negatives" in page.text("#shown"))  # one for each place
    assert page.text(".tile.at .many") == "2 frames"
    page.press("a")
    until(lambda: [number for number, state in stored(bank).items() if state == "accepted"] == [6, 4])
    page.press("u", "g", "g", Keys.HOME)  # one line for each negative
    until(lambda: set(stored(bank).values()) == {"unreviewed"} and page.text("#shown") == "6 negatives")
    page.press("l")
    until(lambda: "2 of 6 selected" in page.text("#shown"))
    assert page.text("#said") == "It fires here in 2 frames; all are selected."
    page.press("l")
    until(lambda: "3 of 6 selected" in page.text("#shown"))
    page.press("r")
    until(lambda: [number for number, state in stored(bank).items() if state == "rejected"] == [6, 4, 3])
    page.press("u")
    until(lambda: set(stored(bank).values()) == {"unreviewed"})
    page.press(Keys.HOME)
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, holding=Keys.SHIFT)
    until(lambda: "3 of 6 selected" in page.text("#shown"))
    page.press("t")
    until(lambda: [number for number, state in stored(bank).items() if state == "target"] == [6, 5, 4])
    page.press("u")
    until(lambda: set(stored(bank).values()) == {"unreviewed"})
    assert page.errors() == []


def test_the_large_view_shows_the_source_and_survives_its_loss(make_bank, serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    odd = "<img src=x onerror=document.title=1>.png"
    bank = make_bank({"a.png": [(60, 40, 80, 60, 90)], odd: [(60, 40, 80, 60, 80)], "gone.png": [(20, 20, 40, 40, 70)]})
    (tmp_path / "bank-in" / "gone.png").unlink()
    page = Page(drivers[0], serve(bank).url)
    page.press(" ")
    loaded = "return [...document.querySelectorAll('#large img')].filter((i) => i.complete && i.naturalWidth).length"
    until(lambda: page.driver.execute_script(loaded) == 2)
    assert len(page.all("#large .view .box.here")) == 1
    assert "a.png" in page.text("#large .facts")
    page.press(Keys.ARROW_RIGHT)
    until(lambda: odd in page.text("#large .facts"))
    assert page.driver.title == f"{bank} · negmine review"
    page.press(Keys.ARROW_RIGHT)
    until(lambda: "The source image is gone" in page.text("#large"))
    until(lambda: page.driver.execute_script(loaded) == 1)  # the crop is shown all the same
    page.press("r")
    until(lambda: "rejected" in stored(bank).values())
    page.press(" ")
    assert not page.driver.find_element(By.ID, "large").is_displayed()
    tile = page.driver.find_element(By.CSS_SELECTOR, ".tile")
    ActionChains(page.driver).move_to_element(tile).perform()
    until(lambda: page.all("#peek:not([hidden]) img"))
    assert all("404" in message for message in page.errors())  # of the image that is gone


def test_a_negative_that_is_its_whole_image_is_shown_once(make_bank, serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    boxes = {"a.png": [(60, 40, 80, 60, 90)], "gone.png": [(20, 20, 40, 40, 70)]}
    bank = make_bank(boxes, crop=CropConfig("image", size=OutputSize("none")))
    (tmp_path / "bank-in" / "gone.png").unlink()
    page = Page(drivers[0], serve(bank).url)
    page.press(" ")
    until(
        lambda: (
            page.text("#large figcaption") == "Negative: its whole source image, 200 \N{MULTIPLICATION SIGN} 120 pixels"
        )
    )
    assert len(page.all("#large .view .box.here")) == 1 and len(page.all("#large figure")) == 1
    page.press(Keys.ARROW_RIGHT)
    until(lambda: "The source image is gone" in page.text("#large figure"))
    assert len(page.all("#large .view .box.here")) == 1


def test_the_mouse_does_not_take_the_keys_from_the_grid(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(6)
    page = Page(drivers[0], serve(bank).url)
    tile = page.driver.find_element(By.CSS_SELECTOR, ".tile")
    ActionChains(page.driver).move_to_element(tile).perform()
    until(lambda: page.all("#peek:not([hidden]) img"))
    page.press(Keys.ARROW_RIGHT)
    assert page.all("#peek:not([hidden])") == []  # it would cover the frame
    for setting in ("#states input[value=rejected]", "#size"):
        page.driver.find_element(By.CSS_SELECTOR, setting).click()
        assert page.driver.switch_to.active_element.get_attribute("id") == "grid", setting
    page.press("r")
    until(lambda: "rejected" in stored(bank).values())
    page.press("/", " ")
    assert page.driver.switch_to.active_element.get_attribute("name") == "state"  # reached with keys, it keeps them
    page.driver.find_element(By.ID, "min").click()
    page.press("0.5")
    assert page.driver.switch_to.active_element.get_attribute("value") == "0.5"
    assert page.errors() == []


def test_a_screen_reader_is_told_what_is_there(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    page = Page(drivers[0], serve(make_bank(6)).url)
    grid = page.driver.switch_to.active_element
    assert grid.get_attribute("role") == "listbox" and grid.get_attribute("aria-label") == "Negatives"
    page.press(Keys.ARROW_RIGHT, "x")
    option = page.driver.find_element(By.ID, grid.get_attribute("aria-activedescendant"))
    assert option.get_attribute("role") == "option" and option.get_attribute("aria-selected") == "true"
    assert (option.get_attribute("aria-posinset"), option.get_attribute("aria-setsize")) == ("2", "6")
    assert option.get_attribute("aria-label") == "lamp, score 0.24, undecided, from 004.png"
    page.press("a")
    until(lambda: page.text("#said") == "Accepted: 1 negative. U takes it back.")
    assert page.driver.find_element(By.ID, "said").get_attribute("role") == "status"
    unnamed = """return [...document.querySelectorAll('button, select, input')].filter((e) => !e.labels?.length
        && !e.textContent.trim() && !e.getAttribute('aria-label')).map((e) => e.outerHTML)"""
    assert page.driver.execute_script(unnamed) == []
    reached = set()
    for _ in range(40):
        page.press(Keys.TAB)
        reached.add(page.driver.switch_to.active_element.get_attribute("id"))
    assert {"grid", "sort", "group", "min", "max", "run", "folder", "help-button"} <= reached
    page.driver.execute_script("document.getElementById('grid').focus()")
    page.press("?")
    assert page.driver.find_element(By.ID, "help").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.driver.find_element(By.ID, "help").is_displayed()


def test_filters_and_orders(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(6)
    page = Page(drivers[0], serve(bank).url)
    page.press("r")
    until(lambda: stored(bank)[6] == "rejected")
    page.driver.find_element(By.CSS_SELECTOR, "#states input[value=rejected]").click()
    page.driver.find_element(By.CSS_SELECTOR, "#states input[value=unreviewed]").click()
    until(lambda: page.states() == {6: "rejected"})
    page.driver.find_element(By.ID, "reset").click()
    until(lambda: len(page.states()) == 6)
    page.driver.find_element(By.ID, "min").send_keys("0.23", Keys.TAB)
    until(lambda: set(page.states()) == {4, 5, 6})
    Select(page.driver.find_element(By.ID, "sort")).select_by_value("source")
    until(lambda: list(page.states()) == [4, 5, 6])
    page.driver.refresh()  # the view is kept
    page.wait_for_tiles()
    assert list(page.states()) == [4, 5, 6]
    page.driver.find_element(By.ID, "reset").click()
    page.driver.find_element(By.CSS_SELECTOR, "#states input[value=rejected]").click()
    until(lambda: 6 not in page.states())
    assert not page.driver.find_element(By.ID, "empty").is_displayed()
    page.driver.execute_script("document.getElementById('grid').focus()")
    page.press("a", holding=Keys.CONTROL)
    page.press("a")
    until(lambda: decided(bank) == {"accepted": 5, "rejected": 1})
    page.driver.get(page.driver.current_url.split("?")[0])
    until(lambda: page.text("#empty").startswith("All are decided"))
    assert page.errors() == []


def test_what_is_held_back_alone(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(4)
    with BankWriter(bank, purpose="a test") as writer:
        list(writer.query("INSERT INTO likenesses VALUES (1, 0.99, 1, 1), (2, 0.5, 2, 2), (3, 0.98, 3, 3)"))
    page = Page(drivers[0], serve(bank).url)
    assert page.text("#held-count") == "2"
    page.driver.find_element(By.ID, "held").click()
    until(lambda: list(page.states()) == [3, 1])
    page.driver.refresh()
    page.wait_for_tiles()
    assert list(page.states()) == [3, 1] and page.driver.find_element(By.ID, "held").is_selected()
    assert [mark.text for mark in page.all(".tile .mark")] == ["held back"] * 2
    page.press("t")
    until(lambda: page.text("#held-count") == "1" and page.states()[3] == "target")
    assert [mark.text for mark in page.all(".tile .mark")] == ["◎ target", "held back"]
    assert page.errors() == []


def test_likely_misses_are_judged_on_a_view_of_their_own(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(2)
    with BankWriter(bank, purpose="a test") as writer:
        list(writer.query("INSERT INTO gaps SELECT NULL, 1, id, 'cat', 0.5 + id / 10.0, 20, 20, 40, 40 FROM sources"))
    page = Page(drivers[0], serve(bank).url)
    assert page.text("#kinds").split() == ["Negatives", "2", "Likely", "misses", "2"]
    page.all("#kinds a")[1].click()
    until(lambda: page.text("#shown") == "2 likely misses")
    page.wait_for_tiles()
    page.press(" ")
    until(lambda: len(page.all("#large .view .box.missed")) == 2 and "Likely missed" in page.text("#large .facts"))

    def said() -> list[str]:
        with Bank(bank) as opened:
            return [gap.state for gap in likely_misses(opened)]

    page.press("a")  # nothing accepts one
    page.press("t", "r")
    until(lambda: said() == ["target", "rejected"])
    until(lambda: page.text("#progress-text") == "2 of 2 decided: 1 target, 1 rejected")
    assert set(stored(bank).values()) == {"unreviewed"}
    page.driver.refresh()
    until(lambda: page.text("#empty").startswith("All are decided"))
    page.press("u")
    until(lambda: said() == ["target", "unreviewed"])
    page.press("u", "u")
    until(lambda: said() == ["unreviewed", "unreviewed"] and page.text("#said") == "There is nothing to undo.")
    assert page.errors() == []


def test_a_phone(make_bank: MakeBank, serve, drivers) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(6)
    driver = drivers[0]
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 480, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        page = Page(driver, serve(bank).url)
        reach = (
            "return [document.documentElement.scrollWidth, ...[...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility()).flatMap((e) => [e.getBoundingClientRect().right, e.offsetHeight])]"
        )
        width, *edges = driver.execute_script(reach, "header button, #tools button, #tools select")
        assert width == 480 and max(edges[::2]) <= 480 and min(edges[1::2]) >= 40
        assert len({tile.location["x"] for tile in page.all(".tile")}) in (2, 3)
        page.all("[data-do=large]")[0].click()
        until(lambda: "004.png" in page.text("#large") or "005.png" in page.text("#large"))
        page.all("[data-do=next]")[0].click()
        until(lambda: "004.png" in page.text("#large"))
        page.all("[data-do=target]")[0].click()
        until(lambda: stored(bank)[5] == "target")
        page.all("[data-do=close]")[0].click()
        page.all(".tile")[-1].click()
        page.all("[data-do=rejected]")[0].click()
        until(lambda: stored(bank)[1] == "rejected")
        assert not driver.find_element(By.ID, "filters").is_displayed()
        page.all("#filters-button")[0].click()
        assert driver.find_element(By.ID, "filters").is_displayed()
        assert page.errors() == []
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_two_windows_and_a_scan_lose_nothing(make_bank, serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = make_bank(12)
    url = serve(bank).url
    one, two = Page(drivers[0], url), Page(drivers[1], url)
    for index in range(40):
        draw(tmp_path / "more" / f"{index:02d}.png", [(60, 40, 80, 60, 60)], seed=7000 + index)
    working = threading.Thread(
        target=lambda: scan(tmp_path / "more", square_detector(), bank=bank, config=ScanConfig(crop=NATIVE))
    )
    working.start()
    two.press(Keys.END)
    for _ in range(4):
        one.press("a")
        two.press("r", Keys.ARROW_LEFT)
    working.join()
    until(lambda: list(stored(bank).values()).count("accepted") == 4)
    with Verdicts(bank) as command:
        command.decide([7], "target", origin="bank")
    rejected = {number for number, state in stored(bank).items() if state == "rejected"}
    assert rejected == {1, 2} and stored(bank)[7] == "target"
    for page in (one, two):  # without a reload
        until(lambda: page.text("#progress-text") == "7 of 52 decided: 4 accepted, 2 rejected, 1 target")  # noqa: B023
        until(lambda: "52 negatives" in page.text("#shown"))  # noqa: B023
        until(lambda: {**stored(bank), **page.states()} == stored(bank))  # noqa: B023
    two.press("u")
    until(lambda: [number for number, state in stored(bank).items() if state == "rejected"] == [1])
    assert list(stored(bank).values()).count("accepted") == 4  # those of the other window
    assert verify(bank).ok
    assert one.errors() == two.errors() == []


def test_a_verdict_is_about_the_picture_though_its_number_is_anothers_now(serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = many_negatives(tmp_path / "bank", 2)
    url = serve(bank).url
    page = Page(drivers[0], url)
    number = page.at()
    page.driver.execute_script(
        "const ask = fetch; window.fetch = (url, how) => url === '/api/changes' ? new Promise(() => {}) : ask(url, how)"
    )
    first = exchange(bank, number, 10)
    page.press("a")
    until(lambda: "look again" in page.text("#said"))
    assert decided(bank) == {}
    page = Page(drivers[0], url)
    page.press(" ")
    shown = "return document.querySelector('#large img')?.getAttribute('src')"
    until(lambda: page.driver.execute_script(shown) == f"/crops/{first}.jpg")
    second = exchange(bank, number, 250)
    until(lambda: page.driver.execute_script(shown) == f"/crops/{second}.jpg")  # though nobody moves
    page.press("a")
    until(lambda: stored(bank)[number] == "accepted")


def test_another_bank_at_the_same_address_is_not_undone(serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one, two = (many_negatives(tmp_path / name, 2) for name in ("one", "two"))
    server = serve(one)
    page = Page(drivers[0], server.url)
    page.press("a")
    until(lambda: decided(one) == {"accepted": 1})
    server.kill()
    with Verdicts(two) as command:
        command.decide([1], "target", origin="bank")
    server.bank = two
    server.start()
    page = Page(drivers[0], server.url)
    page.press("u")
    until(lambda: "nothing to undo" in page.text("#said"))
    assert decided(two) == {"target": 1}


def exchange(bank: Path, number: int, grey: int) -> str:
    """As if the negative was withdrawn, and another had its number; the sha256 of that."""
    data = encode_jpeg(np.full((48, 64, 3), grey, np.uint8))
    sha256 = sha256_of(data)
    (bank / content_name(NEGATIVES, sha256)).parent.mkdir(exist_ok=True)
    (bank / content_name(NEGATIVES, sha256)).write_bytes(data)
    with BankWriter(bank, purpose="a test") as writer:
        list(writer.query("UPDATE negatives SET sha256 = ? WHERE id = ?", (sha256, number)))
    return sha256


def test_ten_thousand_negatives(serve, drivers, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bank = many_negatives(tmp_path / "bank", 10_000)
    page = Page(drivers[0], serve(bank).url)
    assert page.text("#shown") == "10,000 negatives"
    assert len(page.driver.find_elements(By.CLASS_NAME, "tile")) < 120  # only what is in view
    page.press(Keys.END)
    until(lambda: 10_000 in page.states())
    page.press("r")
    until(lambda: decided(bank) == {"rejected": 1})
    page.driver.execute_script("document.getElementById('grid').scrollTop = 40000")
    shown = "return [...document.querySelectorAll('.tile img')].filter((i) => i.naturalWidth).length"
    until(lambda: page.driver.execute_script(shown) > 20)
    page.press("a", holding=Keys.CONTROL)
    until(lambda: "10,000 of 10,000 selected" in page.text("#shown"))
    page.press("t")
    until(lambda: decided(bank) == {"target": 10_000})
    page.press("u", "u")
    until(lambda: decided(bank) == {})
    assert page.errors() == []
