"""Checks a run's files with other people's readers, and looks at its page in Chromium.

usage: report.py RUN-DIR SCHEMA-DIR SCREENSHOT-DIR COMPARE-JSON
"""
import base64, csv, io, json, pathlib, re, sys, xml.etree.ElementTree as ET

import jsonschema
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from junitparser import JUnitXml
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

run, schemas, shots, compare = (pathlib.Path(arg).resolve() for arg in sys.argv[1:5])
shots.mkdir(parents=True, exist_ok=True)
report = json.loads((run / "report.json").read_text())
trials = list(csv.DictReader((run / "trials.csv").open()))
valid = [trial for trial in trials if trial["valid"] == "true" and trial["fault"]]


def check(what, holds, detail=""):
    if not holds:
        sys.exit(f"FAILED: {what} {detail}")
    print(f"  {what}")


def files():
    print(f"files of {run.name}")
    for document, name in [(report, "swact.report-1"), (json.loads(compare.read_text()), "swact.compare-1")]:
        schema = json.loads((schemas / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    check("report.json and compare's JSON keep their published schemas", True)

    reader = HistogramLogReader(str(run / "outage.hlog"), HdrHistogram(1, 3_600_000_000_000, 3))
    tags, worst = [], []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        tags.append(histogram.get_tag())
        worst.append(histogram.get_max_value() / 1e6)
    check("outage.hlog: one interval a valid trial, tagged with its mode", tags == [t["mode"] for t in valid], tags)
    for ms, trial in zip(worst, valid):
        wanted = float(trial["outage_total_ms"])
        check(f"outage.hlog: trial {trial['index']} {ms:.1f} ms", abs(ms - wanted) <= 0.002 * wanted + 1e-6, wanted)
    for path in run.glob("*.hgrm"):
        rows = [line.split() for line in path.read_text().splitlines()[2:] if not line.startswith("#")]
        shares = [float(row[1]) for row in rows]
        check(f"{path.name}: percentiles rise to 1", shares == sorted(shares) and shares[-1] == 1.0)
    junit = JUnitXml.fromfile(str(run / "junit.xml"))
    check("junit.xml has a case a cell", junit.tests == len(report["cells"]))
    for trial in trials:
        left = [int(trial[k]) for k in ("offered", "delivered", "misdelivered", "dropped", "lost_with_card", "unaccounted")]
        check(f"trials.csv: trial {trial['index']} adds up", left[0] == sum(left[1:]), left)
    by_trial = {}
    for flow in csv.DictReader((run / "flows.csv").open()):
        by_trial[flow["index"]] = by_trial.get(flow["index"], 0) + int(flow["lost"])
    check("flows.csv: each trial's flows lost what the trial lost",
          all(by_trial.get(t["index"], 0) == int(t["lost"]) for t in trials), by_trial)
    for path in run.glob("plots/*.svg"):
        root = ET.parse(path).getroot()
        check(f"{path.name} is SVG with a title", root.find("{http://www.w3.org/2000/svg}title") is not None)
    check("report.md fits a comment", 0 < len((run / "report.md").read_text()) < 65_536)


CONTRAST = """
const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const under = (el) => { for (; el; el = el.parentElement) { const c = rgb(getComputedStyle(el).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
const poor = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const el = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || ['SCRIPT', 'STYLE'].includes(el.tagName) || el.closest('.hidden, .skip')) continue;
  const style = getComputedStyle(el);
  const ink = rgb(el.closest('svg') ? style.fill : style.color);
  const [a, b] = [light(ink), light(under(el))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) poor.push([el.outerHTML.slice(0, 80), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
}
return poor.slice(0, 5);
"""

OVERLAP = """
const bad = [];
for (const svg of document.querySelectorAll('figure svg')) {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((el) => [el.textContent, el.getBoundingClientRect()]);
  texts.forEach(([a, p], i) => {
    if (p.left < frame.left - 1 || p.right > frame.right + 1 || p.bottom > frame.bottom + 1) bad.push(['cut off', a]);
    texts.slice(i + 1).forEach(([b, q]) => {
      const w = Math.min(p.right, q.right) - Math.max(p.left, q.left), h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (w > 2 && h > 4) bad.push([svg.getAttribute('aria-label').slice(0, 30), a, b]);
    });
  });
}
return bad.slice(0, 12);
"""


def painted(png):
    colours = Image.open(io.BytesIO(png)).convert("RGB").getcolors(1 << 24)
    return len(colours or [])


def browser():
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1180,900", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        page(driver)
        for path in sorted(run.glob("plots/*.svg")):
            driver.get(path.as_uri())
            png = driver.get_screenshot_as_png()
            (shots / f"{path.stem}.png").write_bytes(png)
            check(f"{path.name} stands alone", painted(png) > 8)
    finally:
        driver.quit()


def page(driver):
    print(f"the page of {run.name}")
    driver.get((run / "report.html").as_uri())
    asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = {m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"}
    check("nothing is fetched", all(url.startswith("file:") or url.startswith("data:") for url in urls), urls)
    js = driver.execute_script
    check("the verdicts come first", js("return document.querySelector('table').compareDocumentPosition(document.querySelector('svg')) & 4"))
    badges = [e.text for e in driver.find_elements(By.CSS_SELECTOR, "main table:first-of-type .badge")][: len(report["cells"])]
    check("and are those of report.json", badges == [cell["verdict"] for cell in report["cells"]], badges)
    figures = driver.find_elements(By.CSS_SELECTOR, "figure.picture")
    names = {f.get_attribute("id") for f in figures}
    wanted = {"plot-chassis", "plot-outage-histogram", "plot-outage-ecdf", "plot-outage-percentiles", "plot-trials"}
    check("all pictures are there", wanted <= names, wanted - names)
    check("and the same as files", {f"plot-{p.stem}" for p in run.glob("plots/*.svg")} == names)
    check("the page does not scroll sideways", js("return document.documentElement.scrollWidth <= innerWidth"))
    check("no text of a picture covers another or is cut off", not (bad := js(OVERLAP)), bad)
    dots = js("return document.querySelectorAll('#plot-trials svg circle').length")
    check("the scatter has a dot a trial", dots == len(trials), dots)

    for figure in figures:
        marks = figure.find_elements(By.CSS_SELECTOR, "svg .mark")
        name = figure.get_attribute("id")
        check(f"{name} has marks that can be read", bool(marks) or not valid)
        js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", figure)
        svg = figure.find_element(By.TAG_NAME, "svg")
        home = svg.get_dom_attribute("viewBox")
        js("arguments[0].focus()", figure)
        figure.send_keys("+")
        check(f"{name} zooms by keyboard", svg.get_dom_attribute("viewBox") != home)
        figure.send_keys("0")
        ends = lambda text: [float(v) for v in text.split()]
        check(f"{name} and back", ends(svg.get_dom_attribute("viewBox")) == ends(home))
        if marks:
            figure.send_keys("n")
            tip = driver.find_element(By.ID, "tip")
            check(f"{name} tells its marks by keyboard", tip.is_displayed() and tip.text == marks[0].get_attribute("data-tip"))
            figure.send_keys("\ue00c")
            check(f"{name} and stops", not tip.is_displayed())
    scatter = driver.find_element(By.ID, "plot-trials")
    js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", scatter)
    dot = scatter.find_element(By.CSS_SELECTOR, "circle")
    ActionChains(driver).move_to_element(dot).perform()
    tip = driver.find_element(By.ID, "tip")
    check("a dot that is pointed at says which trial it is", tip.is_displayed() and tip.text.startswith("trial "), tip.text)
    svg = scatter.find_element(By.TAG_NAME, "svg")
    home = svg.get_dom_attribute("viewBox")
    ActionChains(driver).move_to_element_with_offset(svg, -100, -40).click_and_hold().move_by_offset(160, 70).release().perform()
    check("a frame that is dragged becomes the view", float(svg.get_dom_attribute("viewBox").split()[2]) < float(home.split()[2]) / 2)
    scatter.find_elements(By.TAG_NAME, "button")[2].click()
    check("and a button brings all back", [float(v) for v in svg.get_dom_attribute("viewBox").split()] == [float(v) for v in home.split()])

    nameless = js("return [...document.querySelectorAll('button, a, figure, [role=region], svg')].filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).length")
    check("everything that can be reached has a name", nameless == 0, nameless)
    check("tables name their columns and rows", js("return [...document.querySelectorAll('table')].every((t) => t.querySelector('caption') && t.querySelector('thead th[scope=col]') && t.querySelector('tbody th[scope=row]'))"))
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        check(f"every text can be read in {scheme}", not (poor := js(CONTRAST)), poor)
        whole = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png", "clip": {
            "x": 0, "y": 0, "width": 1180, "height": js("return document.documentElement.scrollHeight"), "scale": 1}})
        (shots / f"page-{scheme}.png").write_bytes(png := base64.b64decode(whole["data"]))
        check(f"the page in {scheme} is painted", painted(png) > 50)
    pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69})["data"])
    (shots / "page.pdf").write_bytes(pdf)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    check(f"it prints, on {pages} pages", pdf.startswith(b"%PDF") and 2 <= pages <= 60)
    trouble = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    check("the browser complains of nothing", not trouble, trouble)


files()
browser()
