"""The page in a real browser: a headless Chromium that is installed on this machine."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
# Every text that is seen, with the contrast to what it stands on, by WCAG 2.1.
CONTRAST = """
const light = (c) => { const p = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * p[0] + .7152 * p[1] + .0722 * p[2]; };
const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3); };
const ground = (at) => {
  for (; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c) return c; } return [255, 255, 255]; };
return [...document.querySelectorAll("body *")].filter((at) => !at.closest("style, script, title, desc") && !/on-t\\d/.test(at.getAttribute("class") || "")
    && [...at.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) && at.getClientRects().length)
  .map((at) => { const style = getComputedStyle(at); const [a, b] = [light(parse(at.closest("svg") ? style.fill : style.color)), light(ground(at))];
    return [at.textContent.trim().slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; });
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A fresh Chromium. Skipped, with a clear word, where none is installed."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium with its chromedriver is installed; apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def show(browser: Any, page: Path, *, width: int = 1200, scheme: str = "light", script: bool = True) -> None:
    """Open the page as a file."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(page.as_uri())


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_opens_without_an_error_and_asks_nothing_of_the_network(browser: Any, page: Path, width: int, scheme: str) -> None:
    show(browser, page, width=width, scheme=scheme)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked
    assert all(url == page.as_uri() or url.startswith("data:") for url in asked), asked
    assert browser.execute_script("return document.querySelectorAll('svg[role=img]').length") == 9


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_the_page_never_scrolls_sideways(browser: Any, page: Path, width: int) -> None:
    show(browser, page, width=width)
    browser.execute_script("document.querySelectorAll('details').forEach((at) => { at.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    wide = browser.execute_script(
        "return [...document.querySelectorAll('body *')].filter((at) => !at.closest('.box, .skip, pre') && at.getBoundingClientRect().right > innerWidth + 1)"
        ".map((at) => at.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_on_a_phone_the_words_of_a_drawing_are_readable(browser: Any, page: Path) -> None:
    show(browser, page, width=360)
    heights = browser.execute_script(
        "return [...document.querySelectorAll('svg[role=img] text:not([transform])')].map((at) => at.getBoundingClientRect().height)"
    )
    assert min(heights) >= 10


def test_light_and_dark_differ(browser: Any, page: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        show(browser, page, scheme=scheme)
        grounds.append(browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor"))
    assert grounds == ["rgb(251, 250, 246)", "rgb(20, 23, 26)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_keeps_its_contrast(browser: Any, page: Path, scheme: str) -> None:
    show(browser, page, scheme=scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((at) => { at.open = true; })")
    found = browser.execute_script(CONTRAST)
    assert len(found) > 200
    assert [entry for entry in found if entry[1] < 4.5] == []


def column(browser: Any, at: int) -> list[str]:
    cells: list[str] = browser.execute_script(
        f"return [...document.querySelector('table.sortable').tBodies[0].rows].map((row) => row.cells[{at}])"
        ".map((cell) => cell.firstChild.textContent.trim() || cell.innerText)"
    )
    return cells


def test_a_table_is_sorted_by_mouse_and_keyboard(browser: Any, page: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    show(browser, page)
    heads = browser.find_elements(By.CSS_SELECTOR, "table.sortable:first-of-type thead th")[:10]
    names = [head.text.split(" ↕")[0] for head in heads]
    fit, before = names.index("fit s"), column(browser, 0)
    button = heads[fit].find_element(By.TAG_NAME, "button")
    button.click()
    seconds = column(browser, fit)
    assert heads[fit].get_attribute("aria-sort") == "descending"
    assert column(browser, 0)[0] == "sasrec" and seconds[-1] == "–", "the failed system has no value and stays last"
    button.send_keys(Keys.ENTER)
    assert heads[fit].get_attribute("aria-sort") == "ascending"
    assert column(browser, fit) == [*reversed(seconds[:-1]), "–"]
    heads[0].find_element(By.TAG_NAME, "button").send_keys(Keys.SPACE)
    assert column(browser, 0) == sorted(before)
    assert [head.get_attribute("aria-sort") for head in heads].count("none") == len(heads) - 1


def test_without_scripts_the_page_is_whole(browser: Any, page: Path) -> None:
    show(browser, page, script=False)
    try:
        source = browser.execute_cdp_cmd("DOM.getDocument", {"depth": -1})
        assert "sortable" in json.dumps(source) and '"BUTTON"' not in json.dumps(source)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_who_cannot_see_it_can_read_it(browser: Any, page: Path) -> None:
    show(browser, page)
    ask = browser.execute_script
    assert ask("return document.documentElement.lang") == "en"
    levels = [int(name[1]) for name in ask("return [...document.querySelectorAll('h1, h2, h3, h4')].map((at) => at.tagName)")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= level + 1 for level, after in pairwise(levels))
    assert ask("return document.querySelectorAll('main').length") == 1
    assert ask("return [...document.querySelectorAll('svg')].filter((at) => at.getAttribute('aria-hidden') !== 'true' && !(at.getAttribute('role') === 'img' "
               "&& at.getAttribute('aria-labelledby').split(' ').every((id) => document.getElementById(id).textContent.trim()))).length") == 0  # fmt: skip
    assert ask("return [...document.querySelectorAll('table')].filter((at) => !at.caption || !at.caption.textContent.trim()).length") == 0
    assert ask("return [...document.querySelectorAll('th')].filter((at) => !['col', 'row'].includes(at.scope)).length") == 0
    assert ask("return [...document.querySelectorAll('button, a, summary')].filter((at) => !at.textContent.trim()).length") == 0
    assert ask("return [...document.querySelectorAll('[role=region], nav, section, article')]"
               ".filter((at) => !at.getAttribute('aria-label') && !document.getElementById(at.getAttribute('aria-labelledby'))).length") == 0  # fmt: skip
    assert ask("return [...document.querySelectorAll('figure')].filter((at) => !at.querySelector('figcaption').textContent.trim()).length") == 0


def test_the_first_key_offers_to_skip_and_what_has_focus_is_seen(browser: Any, page: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    show(browser, page)
    for stop in range(4):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        outline = browser.execute_script("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]")
        assert outline[0] == "solid" and outline[1] >= 2
        if stop == 0:
            assert browser.execute_script("return document.activeElement.textContent") == "Skip to the leaderboard"
            assert browser.execute_script("return document.activeElement.getBoundingClientRect().left") >= 0


def test_it_prints(browser: Any, page: Path) -> None:
    show(browser, page, scheme="dark")
    printed = base64.b64decode(browser.print_page())
    assert printed.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", printed)) > 1
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    assert browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)", "no ink is wasted"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_a_hit_is_marked_in_words(browser: Any, page: Path) -> None:
    show(browser, page)
    marks = browser.execute_script("return [...document.querySelectorAll('mark')].map((at) => at.textContent)")
    assert marks and all(mark.startswith("✓ hit: ") for mark in marks)
