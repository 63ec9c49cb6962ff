"""In a real browser: each notebook runs in JupyterLab, and the explorer answers to mouse and keyboard.

Needs Chromium and Playwright (`pip install -e ".[browser]"`); `pytest -m "not browser"` leaves it out. Screenshots are
kept in the folder that VAE_KERAS_SCREENSHOTS names.
"""

import contextlib
import os
import pathlib
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from small import small_vae

from vae_keras import export_explorer, make_vae

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install -e '.[browser]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or install Chrome"),
]
NOTEBOOKS = sorted((pathlib.Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
# That with the explorer and the shortest: the others hold nothing that a browser could change.
IN_JUPYTERLAB = [path for path in NOTEBOOKS if path.stem[:2] == "05" or "explore(" in path.read_text("utf-8")]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
SECOND = 1000  # Playwright counts in milliseconds
RUN = """() => {
    window.ran = 'it is running';
    const panel = jupyterapp.shell.currentWidget;
    const run = async () => {
        await panel.context.ready;
        await panel.sessionContext.ready;
        await panel.sessionContext.session.kernel.info;  // it has answered once
        await jupyterapp.commands.execute('notebook:run-all-cells');
        await panel.context.save();
    };
    run().then(() => { window.ran = 'saved'; }, error => { window.ran = String(error); });
}"""
STATE = """() => ({
    ran: window.ran,
    kernel: jupyterapp.shell.currentWidget.sessionContext.kernelDisplayStatus,
    cells: jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.executionCount).join(' '),
    dialogs: [...document.querySelectorAll('.jp-Dialog')].map(dialog => dialog.innerText),
})"""
SHUT_DOWN = """() => Promise.race([
    jupyterapp.shell.currentWidget.sessionContext.shutdown(),
    new Promise(done => setTimeout(done, 30000)),
])"""
SHOW_CELL = """async (text) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const index = notebook.widgets.findIndex(cell => cell.model.sharedModel.getSource().includes(text));
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'start');
}"""
ACTIVE_CELL = "jupyterapp.shell.currentWidget.content.activeCellIndex"
FRAME_TIMES = """(count) => {
    const plane = document.querySelector('.vae-explorer .plane'), box = plane.getBoundingClientRect();
    const at = i => ({ pointerId: 1, clientX: box.left + box.width * (0.3 + 0.4 * i / count), clientY: box.top + 100 });
    plane.setPointerCapture = () => {};
    plane.hasPointerCapture = () => true;
    plane.dispatchEvent(new PointerEvent('pointerdown', at(0)));
    return Array.from({ length: count }, (_, i) => {
        const start = performance.now();
        plane.dispatchEvent(new PointerEvent('pointermove', at(i + 1)));
        return performance.now() - start;
    });
}"""


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    folder = pathlib.Path(os.environ.get("VAE_KERAS_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page whose scripts raise nothing."""
    errors = []
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(error))
        yield page
    assert not errors


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """JupyterLab over copies of the notebooks, with settings of its own: its folder, and how to address a file."""
    root = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS:
        shutil.copy(path, root)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        f"JUPYTER{name}_DIR": str(tmp_path_factory.mktemp("jupyter"))
        for name in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")
    }
    settings = pathlib.Path(own["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    token = secrets.token_hex()
    options = [
        "--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    environment = os.environ | own | {"VAE_KERAS_DATA": "digits"}
    with open(root / "jupyterlab.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, root / "jupyterlab.log")
        yield root, f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
    finally:
        server.terminate()  # ends the kernels too
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(url, server, log, patience=120):
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            running = server.poll() is None and time.monotonic() < deadline
            assert running, f"JupyterLab: {log.read_text()[-2000:]}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, digits, trained_vae):
    """Pages: of a VAE in the plane, of three to choose from, of six dimensions, and of the course's networks."""
    vaes = {
        "plane": trained_vae,
        "models": {"first": trained_vae, "second": loud(small_vae()), "third": loud(small_vae())},
        "deep": loud(small_vae(latent_dim=6)),
        "dense": make_vae(network="dense"),
        "conv": make_vae(network="conv"),
    }
    folder = tmp_path_factory.mktemp("exported")
    for name, vae in vaes.items():
        export_explorer(vae, folder / f"{name}.html", *digits[1])
    return folder


def loud(vae):
    """An untrained VAE whose images differ from place to place."""
    vae.decoder.set_weights([5 * weights for weights in vae.decoder.get_weights()])
    return vae


@pytest.fixture
def opened(page, exported):
    """Open an exported page, without a network."""

    def open_page(name):
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((exported / f"{name}.html").as_uri())
        explorer = page.locator(".vae-explorer")
        explorer.locator(".where").filter(has_text="z").wait_for()
        assert len(asked) == 1  # the page itself
        return explorer

    return open_page


def image(explorer, canvas=".decoded"):
    """The pixels of the decoded image."""
    return explorer.locator(canvas).evaluate("c => c.getContext('2d').getImageData(0, 0, 28, 28).data.join()")


def drag(page, explorer):
    """Drag from the middle of the plane to its lower left; the images on the way."""
    plane = explorer.locator(".plane")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    at = [(box["x"] + box["width"] * part, box["y"] + box["height"] * (1 - part)) for part in (0.5, 0.4, 0.3, 0.2)]
    page.mouse.move(*at[0])
    page.mouse.down()
    seen = []
    for position in at[1:]:
        page.mouse.move(*position, steps=5)
        seen.append(image(explorer))
    page.mouse.up()
    return seen


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", IN_JUPYTERLAB, ids=lambda path: path.stem)
def test_notebook_runs_in_jupyterlab(page, jupyterlab, screenshots, path):
    root, address = jupyterlab
    page.set_default_timeout(120 * SECOND)
    for patience in (400, 400):  # JupyterLab can lose sight of a kernel, then no cell ever ends: it gets a second one
        page.goto(address.format(path.name))
        page.wait_for_function("name => window.jupyterapp?.shell.currentWidget?.context?.path === name", arg=path.name)
        page.evaluate(RUN)
        with contextlib.suppress(sync_api.TimeoutError):
            page.wait_for_function("window.ran !== 'it is running'", timeout=patience * SECOND)
            break
        print(page.evaluate(STATE))
        page.evaluate(SHUT_DOWN)
    assert page.evaluate("window.ran") == "saved"
    saved = nbformat.read(root / path.name, as_version=4)
    cells = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    if "explore(" in "".join(cell.source for cell in cells):
        page.evaluate(SHOW_CELL, "explore(vae")
        explorer = page.locator(".jp-OutputArea-output .vae-explorer")
        start = image(explorer)
        assert len({start, *drag(page, explorer)}) == 4
        assert_arrow_keys_move_the_point_alone(page, explorer)
        page.screenshot(path=screenshots / f"{path.stem}.png")
        page.evaluate("jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
        page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.screenshot(path=screenshots / f"{path.stem}_dark.png")
    else:
        page.screenshot(path=screenshots / f"{path.stem}.png")
    page.evaluate(SHUT_DOWN)  # its memory is the next one's


def assert_arrow_keys_move_the_point_alone(page, explorer):
    """And do not select another cell, as they do elsewhere in a notebook."""
    before, cell = where(explorer), page.evaluate(ACTIVE_CELL)
    explorer.locator(".plane").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert where(explorer) == pytest.approx([v + 0.1 for v in before], abs=0.011)
    explorer.locator(".strip button").first.focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate(ACTIVE_CELL) == cell


def where(explorer):
    """The coordinates shown."""
    return [float(v.replace("−", "-")) for v in re.findall(r"= (\S+?)(?:,|$)", explorer.locator(".where").inner_text())]


def end_of_walk(page, explorer):
    page.wait_for_function("document.querySelector('.controls output').textContent === '1.00'")
    page.evaluate(  # which t = 0.995 shows, too: the last step is still to come
        """async () => {
            await new Promise(done => setTimeout(done, 50));
            for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
        }"""
    )
    return image(explorer)


def test_digit_follows_the_mouse(page, opened, screenshots):
    explorer = opened("plane")
    assert len({image(explorer), *drag(page, explorer)}) == 4
    first, second = where(explorer)
    assert first < -1
    assert second < -1
    page.screenshot(path=screenshots / "exported.png")


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_a_frame_takes_less_than_50_milliseconds(page, opened, network):
    opened(network)
    page.evaluate(FRAME_TIMES, 50)  # until it is compiled
    times = page.evaluate(FRAME_TIMES, 200)
    print(f"{network}: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms")
    assert statistics.median(times) < 50


def test_keyboard_reaches_everything(page, opened):
    explorer = opened("plane")
    page.keyboard.press("Tab")
    before = where(explorer), image(explorer)
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert where(explorer) == pytest.approx([before[0][0] + 0.2, before[0][1] + 0.5])
    assert image(explorer) != before[1]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first digit of the strip
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the fourth
    end = end_of_walk(page, explorer)
    for _ in range(8):  # past the other digits and the button, to the slider
        page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert explorer.locator(".controls output").inner_text() == "0.00"
    assert image(explorer) != end
    assert page.evaluate("document.activeElement.type") == "range"


def test_names_what_it_shows(opened):
    """What a screen reader says: each control has a name, and the plane says where the point is."""
    explorer = opened("models")
    explorer.locator(".strip button").nth(1).click()
    explorer.locator(".strip button").nth(2).click()
    for role, names in {
        "button": ["An image of 0", "An image of 9", "Play"], "slider": ["Model", "t"], "combobox": ["Path"],
        "application": ["Latent plane, z₁ = "], "img": ["The decoded image of z"],
    }.items():  # fmt: skip
        for name in names:
            assert explorer.get_by_role(role, name=name, exact=name == "t").count() == 1, name


def test_two_points_of_the_plane_are_walked_between(page, opened):
    explorer = opened("plane")
    positions = explorer.locator(".point").evaluate_all(
        """points => [3, 7].map(i => points[i].getBoundingClientRect())
                           .map(box => [box.x + box.width / 2, box.y + box.height / 2])"""
    )
    shown = []
    for position in positions:
        page.mouse.click(*position)
        shown.append(explorer.locator(".walk p").inner_text())
    assert shown[0].startswith("From A (")
    assert re.fullmatch(r"From A \(\d\) to B \(\d\):", shown[1])
    end = end_of_walk(page, explorer)
    frames = [image(explorer, f".walked canvas >> nth={i}") for i in range(9)]
    assert len(set(frames)) == 9
    assert frames[-1] == end
    explorer.get_by_role("slider", name="t", exact=True).fill("0")
    assert image(explorer) == frames[0]
    explorer.get_by_role("combobox").select_option("spherical")
    turned = [image(explorer, f".walked canvas >> nth={i}") for i in range(9)]
    assert (turned[0], turned[-1]) == (frames[0], frames[-1])
    assert turned[4] != frames[4]


def test_another_model_is_another_plane(opened):
    explorer = opened("models")
    drag(explorer.page, explorer)
    seen = set()
    for index, name in enumerate(("first", "second", "third")):
        explorer.get_by_label("Model").fill(str(index))
        assert explorer.locator("output").first.inner_text() == name
        seen.add((image(explorer), explorer.locator(".point").evaluate_all("all => all.map(p => p.style.cx).join()")))
    assert len({digit for digit, _ in seen}) == len({points for _, points in seen}) == 3


def test_more_dimensions_have_sliders_by_activity(opened):
    explorer = opened("deep")
    rows = explorer.locator(".dimensions label")
    variances = [float(text) for text in rows.locator("output").all_inner_texts()]
    assert len(variances) == 6
    assert variances == sorted(variances, reverse=True)
    images = {image(explorer)}
    for i in range(6):
        rows.nth(i).get_by_role("slider").fill("2")
        images.add(image(explorer))
    assert len(images) == 7
    assert where(explorer) == [2, 2]


def test_fits_a_phone(page, opened, screenshots):
    page.set_viewport_size({"width": 390, "height": 844})
    explorer = opened("plane")
    explorer.locator(".strip button").nth(3).click()
    explorer.locator(".strip button").nth(5).click()
    end_of_walk(page, explorer)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=screenshots / "exported_390.png", full_page=True)
