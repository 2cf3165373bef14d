"""The simulated phones in a real browser: a question, two answers, and what people see, read and press on the way."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from handlers.phones import routes
from handlers.phones_hub import PhonesHub
from smsmentor.core.gsm import encoding, segments
from tests.web.test_phones import ADVICE, BEN, MIA, QUESTION, make_rig

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_SECONDS = 60
"""Until something that should be seen surely is not: a bound on failing, not a measure."""
HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For the module only: Playwright keeps an event loop running, under which no other test could start its own.
    if CHROMIUM is None:
        need = "no browser; on Debian: apt-get install -y --no-install-recommends chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(need)
        pytest.skip(need)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1000 * PATIENCE_SECONDS)
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        yield browser
        browser.close()


class House:
    """The routes on a rig of their own, served by a thread: the browser's driver keeps this one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.hub, self.server, self.address = self.run(self._open())

    async def _open(self) -> tuple[PhonesHub, HTTPServer, str]:
        hub = PhonesHub(await make_rig(), phones={MIA: "Mia"})
        socket, port = bind_unused_port()
        server = HTTPServer(Application(routes(hub)))
        server.add_socket(socket)
        return hub, server, f"http://127.0.0.1:{port}"

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(PATIENCE_SECONDS)

    def close(self) -> None:
        async def closed() -> None:
            self.server.stop()
            await self.server.close_all_connections()
            await self.hub.close()

        self.run(closed())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@dataclass
class Visitor:
    """Somebody at the page."""

    page: Page

    def phone(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=f"{name}'s phone", include_hidden=True)

    def text(self, name: str, body: str) -> None:
        self.page.get_by_role("textbox", name=f"Text from {name}").fill(body)
        self.page.keyboard.press("Enter")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def came(self, name: str) -> Locator:
        return self.phone(name).locator(".bubble:not(.own) .body")

    def ask(self) -> str:
        """Mia's question is with the mentors; gives its code."""
        self.text("Mia", QUESTION)
        expect(self.came("Mia")).to_have_count(1)
        self.press("Next event")
        expect(self.came("Ben")).to_have_count(1)
        return str(self.page.locator(".card .code").first.text_content())


Open = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, house: House) -> Iterator[Open]:
    """Opens the page in a window of its own. A problem on the console fails the test."""
    problems: list[str] = []
    contexts = []

    def opened(width: int = 1400, height: int = 900, *, address: str = "", script: str = "", **more: Any) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address or house.address)
        expect(page.get_by_role("status")).to_have_text("Live")
        expect(page.locator("article").first).to_be_attached()  # it has heard what there is
        return Visitor(page)

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of `smsmentor try`, started as a newcomer does; it ends well when it is told to."""
    command = [sys.executable, "-m", "smsmentor", "try", "--port", "0", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as run:
        assert run.stdout is not None
        yield run.stdout.readline().removeprefix("Open ").strip()
        run.terminate()
        assert run.wait(PATIENCE_SECONDS) == 0


def test_a_newcomer_asks_a_question_and_reads_the_advice_of_two_mentors(visit: Open, server: str) -> None:
    newcomer = visit(address=server)
    expect(newcomer.page.get_by_text("Simulation: nothing is sent")).to_be_visible()
    newcomer.press("Pause")
    newcomer.press("My boss takes credit for my reports. Do I say something?")
    newcomer.page.keyboard.press("Enter")
    expect(newcomer.came("Mentee 1")).to_have_count(1)
    expect(newcomer.page.locator("#due")).to_contain_text("goes out to mentors")
    newcomer.press("Next event")
    asked = newcomer.page.locator(".considered .taken b")
    expect(asked).to_have_count(3)
    first, second, _ = asked.all_inner_texts()
    code = newcomer.page.locator(".card .code").first.inner_text()
    expect(newcomer.came(first)).to_contain_text([code])
    newcomer.text(first, f"{code} {ADVICE}")
    expect(newcomer.came("Mentee 1").nth(1)).to_have_text(re.compile(rf'A \(.+\): "{re.escape(ADVICE)}"'))
    before = newcomer.page.locator("#now").inner_text()
    newcomer.press("+1 h")
    expect(newcomer.page.locator("#now")).not_to_have_text(before)
    expect(newcomer.page.locator("#hint")).to_have_attribute("open", "")
    newcomer.text(second, f"{code.lower()}: Say it the same day, calm, one sentence.")
    expect(newcomer.came("Mentee 1").last).to_have_text(
        re.compile(r'B \(.+\): "Say it the same day, calm, one sentence."')
    )
    expect(newcomer.page.locator("#hint")).not_to_have_attribute("open", "")
    expect(newcomer.page.locator(".places .filled")).to_contain_text([f"A {first}", f"B {second}"])
    expect(newcomer.phone("Mentee 1").locator(".meta").nth(1)).to_contain_text("Delivered · 1 seg · GSM-7")


def test_who_was_asked_and_why_is_there_to_read(visit: Open) -> None:
    someone = visit()
    someone.ask()
    asked = someone.page.locator(".considered .taken")
    expect(asked).to_have_count(3)
    expect(asked.first.locator(".why")).to_contain_text(" ")
    someone.page.get_by_role("tab", name="Facts").click()
    expect(someone.page.locator(".facts b").first).to_have_text("wave.made")
    assert "555" not in someone.page.get_by_role("complementary").inner_text()


def test_markup_in_a_text_is_shown_and_never_run(visit: Open) -> None:
    someone = visit()
    someone.text("Mia", HOSTILE)
    expect(someone.phone("Mia").locator(".own .body")).to_have_text(HOSTILE)
    assert someone.page.locator(".body img, .body script, .card img, .card script").count() == 0
    assert someone.page.title() == "Simulated phones"


COUNTED = [
    *("", "a" * 160, "a" * 161, "a" * 306, "a" * 307, "line\nline", "{[~]}\\^|", "é"),
    *("€" * 80, "€" * 81, "a" * 152 + "€" * 80, "it’s", "`", "\t"),
    *("ê" * 70, "ê" * 71, "😀" * 35, "😀" * 36, "a" * 66 + "😀" * 34),
]


def test_the_box_counts_as_the_service_does(visit: Open) -> None:
    count = "async texts => texts.map((await import('/phones/static/segments.js')).measure)"
    counted = visit().page.evaluate(count, COUNTED)
    assert [(c["segments"], c["encoding"]) for c in counted] == [(segments(t), encoding(t)) for t in COUNTED]


def test_the_box_tells_what_a_text_will_cost_and_why(visit: Open) -> None:
    someone = visit()
    box = someone.page.get_by_role("textbox", name="Text from Mia")
    counter = someone.phone("Mia").locator(".counter")
    expect(counter).to_have_text("0/160 · 1 segment · GSM-7")
    box.fill("It’s me")
    expect(counter).to_have_text("7/70 · 1 segment · UCS-2 because of ’")
    box.fill("a" * 161)
    expect(counter).to_have_text("161/306 · 2 segments · GSM-7")


def test_the_page_can_be_used_by_keyboard_alone(visit: Open) -> None:
    someone = visit()
    keys = someone.page.keyboard
    focused = someone.page.locator(":focus")
    keys.press("Tab")
    expect(focused).to_have_text("Skip to what the service recorded")
    for _ in range(40):
        keys.press("Tab")
        if focused.get_attribute("aria-label") == "Text from Mia":
            break
    expect(focused).to_have_attribute("aria-label", "Text from Mia")
    keys.type(QUESTION)
    keys.press("Enter")
    expect(someone.came("Mia")).to_have_count(1)
    expect(focused).to_have_attribute("aria-label", "Text from Mia")
    keys.press("Shift+Tab")
    expect(focused).to_have_text("STOP")
    expect(focused).to_have_css("outline-style", "solid")
    someone.page.get_by_role("tab", name="Requests").focus()
    keys.press("ArrowRight")
    expect(focused).to_have_text("Facts")
    expect(someone.page.get_by_role("tabpanel", name="Facts")).to_be_visible()


def test_a_phone_that_texts_stop_shows_the_carriers_block(visit: Open) -> None:
    someone = visit()
    someone.ask()
    someone.phone("Ben").get_by_role("button", name="STOP").click()
    expect(someone.phone("Ben").locator(".notice")).to_contain_text("The carrier blocks our texts")
    someone.phone("Ben").get_by_role("button", name="START").click()
    expect(someone.phone("Ben").locator(".notice")).to_be_hidden()


def test_a_carrier_that_is_down_leaves_the_text_in_the_outbox(visit: Open) -> None:
    someone = visit()
    someone.page.get_by_role("tab", name="Carrier").click()
    down = someone.page.get_by_role("switch", name="Carrier down")
    down.check()
    expect(someone.page.get_by_role("tab", name="Carrier 1")).to_be_visible()
    someone.text("Mia", QUESTION)
    someone.page.get_by_role("tab", name="Outbox 1").click()
    expect(someone.page.get_by_role("tabpanel")).to_contain_text("Waiting to go out")
    someone.page.get_by_role("tab", name="Carrier").click()
    down.uncheck()
    someone.press("+1 h")
    expect(someone.came("Mia").first).to_be_visible()


def test_a_mentor_of_the_pool_and_a_new_mentee_get_phones(visit: Open) -> None:
    someone = visit()
    someone.press("Add a phone")
    someone.page.get_by_role("searchbox").fill("nurs")
    someone.page.get_by_role("dialog").get_by_role("button", name="Dana").click()
    expect(someone.phone("Dana")).to_be_visible()
    someone.press("Add a phone")
    someone.press("A new mentee's phone")
    expect(someone.page.get_by_role("article")).to_have_count(3)


def test_after_a_lost_connection_the_page_comes_back_with_all_that_was_missed(visit: Open, house: House) -> None:
    someone = visit()
    code = someone.ask()
    box = someone.page.get_by_role("textbox", name="Text from Mia")
    box.fill("a draft")
    house.run(house.hub.close())
    house.run(house.hub.rig.text(BEN, f"{code} {ADVICE}"))
    expect(someone.came("Mia")).to_have_count(2)
    expect(someone.page.get_by_role("status")).to_have_text("Live")
    expect(someone.phone("Ben").locator(".bubble")).to_have_count(3)
    expect(box).to_have_value("a draft")


def two_frames(page: Page) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_texts_that_were_read_to_their_end_stay_so_when_their_room_shrinks(visit: Open) -> None:
    page = visit().page
    page.set_viewport_size({"width": 1280, "height": 800})
    log = page.locator(".log").first
    box = page.locator("textarea").first
    for number in range(3):
        box.fill(f"{number} " + "a long text about work " * 20)
        box.press("Enter")
        expect(log.locator(".bubble.own")).to_have_count(number + 1)
    below = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    for height in (600, 560, 800):
        page.set_viewport_size({"width": 1280, "height": height})
        page.wait_for_function(f"log => ({below})(log) < 2", arg=log.element_handle())
    # Scrolling and a smaller room in one frame, of which the page hears in this order.
    log.evaluate("log => { log.scrollTop -= 1; log.style.flex = 'none'; log.style.height = '150px' }")
    two_frames(page)
    assert log.evaluate(below) < 2
    log.evaluate("log => { log.removeAttribute('style') }")
    two_frames(page)
    log.evaluate("log => { log.scrollTop = 0 }")
    two_frames(page)  # it has heard of it
    page.set_viewport_size({"width": 1280, "height": 700})
    two_frames(page)
    assert log.evaluate("log => log.scrollTop") == 0, "who reads further up is left there"


def test_on_a_small_screen_there_is_one_phone_at_a_time(visit: Open) -> None:
    someone = visit(360, 740)
    code = someone.ask()
    expect(someone.phone("Mia")).to_be_visible()
    expect(someone.phone("Ben")).to_be_hidden()
    expect(someone.page.locator("#hint").get_by_text("Answer from two of them.")).to_be_visible()
    someone.page.get_by_role("navigation").get_by_role("button", name="Ben").click()
    expect(someone.phone("Mia")).to_be_hidden()
    someone.text("Ben", f"{code} {ADVICE}")
    someone.press("Mia, 1 new text")
    expect(someone.came("Mia").nth(1)).to_contain_text(ADVICE)
    someone.press("Record")
    expect(someone.page.get_by_role("complementary")).to_be_visible()
    expect(someone.phone("Mia")).to_be_hidden()


BLIND = """
window.IntersectionObserver = class extends IntersectionObserver {
  constructor(told, options) {
    super((entries) => {
      const there = entries.filter((entry) => entry.isIntersecting);
      if (there.length) told(there);
    }, options);
  }
};"""
"""A browser that has not said yet what went out of sight: it does so between two frames."""


def test_a_text_for_a_phone_that_has_just_been_left_counts_as_new(visit: Open) -> None:
    someone = visit(360, 740, script=BLIND)
    code = someone.ask()
    someone.page.get_by_role("navigation").get_by_role("button", name="Ben").click()
    someone.text("Ben", f"{code} {ADVICE}")
    someone.press("Mia, 1 new text")
    expect(someone.came("Mia").nth(1)).to_contain_text(ADVICE)


def test_a_text_from_right_to_left_is_shown_so(visit: Open) -> None:
    someone = visit()
    someone.text("Mia", "שלום: how do i ask my boss for more pay? תודה")
    expect(someone.phone("Mia").locator(".own .body")).to_have_css("direction", "rtl")
    expect(someone.came("Mia").first).to_have_css("direction", "ltr")
    expect(someone.page.locator(".question").first).to_have_css("direction", "rtl")


@pytest.mark.parametrize(("width", "height"), [(640, 360), (844, 390), (1280, 400)])
def test_in_a_low_window_as_at_a_zoom_of_200_percent_a_phone_keeps_room_for_its_texts(
    visit: Open, width: int, height: int
) -> None:
    someone = visit(width, height)
    someone.ask()
    log = someone.phone("Mia").get_by_role("log")
    come_to(log, "log => log.getBoundingClientRect().height >= 80")
    come_to(someone.page, ALL_IN_SIGHT)


def come_to(where: Page | Locator, script: str, wanted: object = True) -> None:
    """Wait until a script gives this, as `expect` does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (given := where.evaluate(script)) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert given == wanted


ALL_IN_SIGHT = """() => document.documentElement.scrollWidth <= innerWidth"""
SMALL = """() => [...document.querySelectorAll("button, select, input, textarea, summary, a")]
    .map(e => [e.textContent.trim() || e.name || e.id, e.getBoundingClientRect()])
    .filter(([name, box]) => box.width && (box.width < 24 || box.height < 24) && !name.startsWith("Skip"))
    .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""


@pytest.mark.parametrize("width", [360, 390, 768, 1400])
def test_nothing_sticks_out_and_everything_can_be_hit(visit: Open, width: int) -> None:
    someone = visit(width, 740)
    someone.ask()
    come_to(someone.page, ALL_IN_SIGHT)
    come_to(someone.page, SMALL, [])


FAINT = """() => {
  const channels = color => {
    const found = color.match(/[\\d.]+/g).map(Number);
    return found.length > 3 ? found : [...found, 1];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = channels(getComputedStyle(e).backgroundColor);
      if (color[3] === 1) return color;
    }
    return getComputedStyle(document.body).color === "rgb(29, 35, 44)" ? [233, 228, 218] : [18, 21, 26];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
"""Texts with less contrast to what is behind them than WCAG 2.2 AA asks for (1.4.3)."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(visit: Open, scheme: str) -> None:
    someone = visit(color_scheme=scheme, reduced_motion="reduce")
    code = someone.ask()
    someone.text("Ben", f"{code} {ADVICE}")
    someone.phone("Dana").get_by_role("button", name="STOP").click()
    someone.page.get_by_role("textbox", name="Text from Mia").fill("It’s")
    expect(someone.phone("Dana").locator(".notice")).to_be_visible()
    for tab in ("Facts", "Outbox", "Carrier", "Requests 1"):
        someone.page.get_by_role("tab", name=tab).click()
        come_to(someone.page, FAINT, [])
