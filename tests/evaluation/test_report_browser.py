"""The report in a browser: headless Chromium, without a network."""

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictured_evaluations import write_pictured
from vton_aux.data.synthetic import write_dataset
from vton_aux.evaluation.report import make_report
from vton_aux.evaluation.runs import find_evaluations

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")
CHROMIUM, DRIVER = "/usr/bin/chromium", shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path(CHROMIUM).is_file() or DRIVER is None,
        reason=f"{CHROMIUM} or chromedriver is missing: apt-get install chromium chromium-driver",
    ),
]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--no-first-run", "--hide-scrollbars",
)  # fmt: skip
DESKTOP, PHONE = 1280, 390
RIGHT = "\ue014"  # the arrow key


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    root = folder / "viton"
    write_dataset(root, train=4, test=16, seed=0, size=(128, 96), progress=False)
    for name, noise in (("baseline", 24), ("tom_only", 23), ("both", 18)):
        for pairing in ("paired", "unpaired"):
            write_pictured(folder / "runs" / f"{name}-{pairing}", root, name, pairing, noise=noise)
    other = folder / "runs" / "a-system-with-quite-a-long-name"
    write_pictured(other, root, "a-system-with-quite-a-long-name", kind="predictions", noise=30)
    path = folder / "report.html"
    path.write_text(make_report(find_evaluations([folder / "runs"]), people=3))
    return path


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, report):
    """Opens the report at a width, in a colour scheme, on a medium."""

    def show(width=DESKTOP, scheme="light", medium=""):
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": medium, "features": [scheme]}
        )
        browser.get(report.as_uri())
        return browser

    return show


def picture(browser):
    """All of the page."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    width = browser.execute_script("return innerWidth")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
    )
    return np.array(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB"))


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_it_shows_itself_without_a_request_or_an_error(page, report, width, tmp_path):
    browser = page(width)
    pixels = picture(browser)
    Image.fromarray(pixels).save(tmp_path / "page.png")
    assert pixels.shape[1] == width
    # no band of the page is empty: every 1,000 rows hold words or pictures
    bands = np.array_split(pixels, len(pixels) // 1000)
    assert all(len(np.unique(band.reshape(-1, 3)[::7], axis=0)) > 20 for band in bands)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_every_picture_decodes(page, width):
    broken = page(width).execute_async_script(
        """
        const done = arguments[0], pictures = [...document.images];
        Promise.allSettled(pictures.map(p => p.decode())).then(all =>
          done([pictures.length, all.filter(one => one.status == "rejected").length]));
        """
    )
    assert broken[0] > 50
    assert broken[1] == 0


@pytest.mark.parametrize("width", [DESKTOP, PHONE, 320])
def test_nothing_sticks_out_sideways(page, width):
    browser = page(width)
    browser.execute_script(
        "for (const folded of document.querySelectorAll('details')) folded.open = true"
    )
    out = browser.execute_script(
        """
        const inside = e => e.closest(".scroll, nav, pre, .hidden, .skip, svg");
        return [...document.querySelectorAll("body *")].filter(e => !inside(e) &&
          e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80));
        """
    )
    assert out == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_slider_moves_by_keyboard(page):
    browser = page()
    slider = browser.find_element("css selector", ".compare input")
    place = "return getComputedStyle(arguments[0].parentElement).getPropertyValue('--at').trim()"
    assert browser.execute_script(place, slider) == "50%"
    before = slider.find_element("xpath", "..").screenshot_as_png
    slider.send_keys(RIGHT * 5)
    assert browser.execute_script(place, slider) == "55%"
    assert browser.execute_script("return document.activeElement === arguments[0]", slider)
    assert slider.find_element("xpath", "..").screenshot_as_png != before


def test_the_left_side_can_be_the_photo(page):
    browser = page()
    sides = {
        side: browser.find_element("css selector", f".over.{side}") for side in ("before", "photo")
    }
    assert sides["before"].is_displayed()
    assert not sides["photo"].is_displayed()
    browser.find_element("css selector", "input[value=photo]").send_keys(" ")
    assert sides["photo"].is_displayed()
    assert not sides["before"].is_displayed()


def test_dark_is_dark_and_words_stay_readable(page):
    for scheme, dark in (("light", False), ("dark", True)):
        browser = page(scheme=scheme)
        pixels = picture(browser)
        ground = pixels[200:600, 2:40].mean()
        assert (ground < 60) == dark
        contrast = browser.execute_script(
            """
            const light = text => {
              const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => (v /= 255) <= .04045
                ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
              return .2126 * r + .7152 * g + .0722 * b + .05;
            };
            const ground = light(getComputedStyle(document.body).backgroundColor);
            return [...document.querySelectorAll("p, li, dt, dd, th, td, h1, h2, h3, b")]
              .map(e => { const l = light(getComputedStyle(e).color);
                          return Math.max(l, ground) / Math.min(l, ground) });
            """
        )
        assert min(contrast) >= 4.5  # WCAG AA


def test_on_paper_both_sides_stand_beside_each_other(page):
    browser = page(width=800, medium="print")
    boxes = [
        browser.find_element("css selector", f".compare .{side}").rect
        for side in ("after", "before")
    ]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert abs(boxes[0]["x"] - boxes[1]["x"]) >= boxes[0]["width"] - 1
    assert boxes[0]["width"] / boxes[0]["height"] == pytest.approx(96 / 128, abs=0.02)
    assert not browser.find_element("css selector", ".compare input").is_displayed()
    assert not browser.find_element("css selector", "nav").is_displayed()
