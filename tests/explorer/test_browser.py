"""In a real browser: a notebook runs in JupyterLab, and the explorer answers to mouse, keyboard and finger.

Needs Chromium and Playwright (`pip install -e ".[browser]"`); `pytest -m "not browser"` leaves it out. Screenshots are
kept in the folder that VAE_KERAS_SCREENSHOTS names.
"""

import contextlib
import itertools
import math
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

from vae_keras import export_explorer, make_autoencoder, make_vae

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install -e '.[browser]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing: pip install -e '.[browser]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or install Chrome"),
]
NOTEBOOKS = sorted((pathlib.Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
# That with several explorers: the others hold nothing more that a browser could change.
IN_JUPYTERLAB = [path for path in NOTEBOOKS if "explorer.at(" in path.read_text("utf-8")]
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
KEEP_CHANGES = """
    window.changes = [];
    addEventListener('vae-explorer-change', event => window.changes.push(event.detail));
"""
COUNT_WHAT_IS_SAID = """() => {
    window.said = [];
    const live = document.querySelector('[role=status]');
    new MutationObserver(() => window.said.push(live.textContent)).observe(live, { childList: true });
}"""
IN_THE_PLANE = """() => {
    const boxes = [...document.querySelectorAll('.plane :is(.class-name, .flag)')].map(element => {
        const box = element.getBBox(), { e, f } = element.transform.baseVal.consolidate().matrix;
        return [box.x + e, box.x + box.width + e, box.y + f, box.y + box.height + f];
    });
    const inOrder = [...document.querySelector('.plane .marker').parentNode.children].map(e => e.classList[0]);
    return [boxes, inOrder];
}"""
COLOURS = """() => ['.plane .class-name text', '.plane .paper'].map(name => [...document.querySelectorAll(name)].map(
    element => getComputedStyle(element).fill.match(/[0-9]+/g).map(Number)))"""
TOUR_AND_LIT = """() => {
    const [tour, ...lit] = [...document.querySelectorAll('.tour, .lit')].map(e => e.getBoundingClientRect());
    const seen = lit.filter(box => box.height).map(box => [box.top, box.bottom]);
    return [[tour.top, tour.bottom], ...seen, innerHeight];
}"""
FIFTY_A_SECOND = """async () => {
    const plane = document.querySelector('.plane'), box = plane.getBoundingClientRect();
    const at = i => ({ pointerId: 1, clientX: box.left + box.width * (0.3 + 0.004 * i), clientY: box.top + 100 });
    plane.setPointerCapture = () => {};
    plane.hasPointerCapture = () => true;
    plane.dispatchEvent(new PointerEvent('pointerdown', at(0)));
    for (let i = 3; i < 103; i++) {
        await new Promise(done => setTimeout(done, 20));
        plane.dispatchEvent(new PointerEvent('pointermove', at(i)));
    }
}"""
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
    """Pages: of a VAE in the plane, of three models to choose from, of six dimensions, and of the course's networks."""
    ae = make_autoencoder(2, (16,))
    ae.compile("adam")
    ae.fit(digits[0][0], batch_size=100, epochs=2, verbose=0)
    models = {
        "plane": trained_vae,
        "models": {"AE": ae, "VAE": trained_vae, "beta = 0": loud(small_vae(beta=0.0))},
        "deep": loud(small_vae(latent_dim=6)),
        "dense": make_vae(network="dense"),
        "conv": make_vae(network="conv"),
    }
    folder = tmp_path_factory.mktemp("exported")
    for name, model in models.items():
        export_explorer(model, folder / f"{name}.html", *digits[1])
    one = (folder / "plane.html").read_text("utf-8")
    (script,) = re.findall(r'<script type="module">.*</script>', one, re.DOTALL)
    second = script.replace('document.querySelector("main")', 'document.querySelectorAll("main")[1]')
    (folder / "two.html").write_text(one.replace(script, f"<main></main>{script}{second}"), "utf-8")
    return folder


def loud(vae):
    """An untrained VAE whose images differ from place to place."""
    vae.decoder.set_weights([5 * weights for weights in vae.decoder.get_weights()])
    return vae


@pytest.fixture
def opened(page, exported):
    """Open an exported page, without a network; `window.changes` then holds what it says of each change."""

    def open_page(name):
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.add_init_script(KEEP_CHANGES)
        page.goto((exported / f"{name}.html").as_uri())
        page.wait_for_function("window.changes.length > 0")
        assert len(asked) == 1  # the page itself
        return page.locator(".vae-explorer").first

    return open_page


def last(explorer):
    """What the page said of its last change."""
    return explorer.page.evaluate("window.changes.at(-1)")


def role(explorer, name):
    return explorer.locator(f"[data-role={name}]:visible")


def numbers(explorer, name):
    """What the element of this role shows."""
    return [float(text) for text in explorer.locator(f"[data-role={name}]").first.text_content().split()]


def image(explorer, canvas="[data-role=reconstruction]"):
    """The pixels of the decoded image."""
    return explorer.locator(canvas).evaluate("c => c.getContext('2d').getImageData(0, 0, 28, 28).data.join()")


def contrast(one, other):
    """Of two colours in sRGB, as WCAG 2.2 defines it."""
    weights, linear = (0.2126, 0.7152, 0.0722), lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
    dark, light = sorted(sum(w * linear(v / 255) for w, v in zip(weights, c, strict=True)) for c in (one, other))
    return (light + 0.05) / (dark + 0.05)


def stroke(page, canvas, points):
    """Draw with the mouse, the points in shares of the canvas."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for position in at[1:]:
        page.mouse.move(*position, steps=5)
        yield
    page.mouse.up()


def drag(page, explorer):
    """Drag from the middle of the plane to its lower left; the images on the way."""
    way = [(part, 1 - part) for part in (0.5, 0.4, 0.3, 0.2)]
    return [image(explorer) for _ in stroke(page, explorer.locator(".plane"), way)]


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
    page.evaluate(SHOW_CELL, "explore(")
    explorer = page.locator(".jp-OutputArea-output .vae-explorer").first
    start = image(explorer)
    assert len({start, *drag(page, explorer)}) == 4
    assert_arrow_keys_move_the_point_alone(page, explorer)
    page.screenshot(path=screenshots / f"{path.stem}.png")
    page.evaluate("jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.screenshot(path=screenshots / f"{path.stem}_dark.png")
    page.evaluate(SHOW_CELL, 'explorer.at("L17")')
    again = page.locator(".vae-explorer .tour:not([hidden]) h2", has_text="z = μ + σ ⊙ ε")
    assert again.count() == 1  # open at its own step
    page.evaluate(SHOW_CELL, "explore(")
    page.evaluate(SHUT_DOWN)
    assert len({image(explorer), *drag(page, explorer)}) > 1  # the kernel is gone, and the page goes on


def assert_arrow_keys_move_the_point_alone(page, explorer):
    """And do not select another cell, as they do elsewhere in a notebook."""
    before, cell = numbers(explorer, "z"), page.evaluate(ACTIVE_CELL)
    explorer.locator(".plane").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert numbers(explorer, "z") == pytest.approx([v + 0.1 for v in before], abs=0.011)
    explorer.locator(".strip button").first.focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate(ACTIVE_CELL) == cell


class TestPath:
    def test_numbers_are_those_of_the_event(self, opened):
        explorer = opened("plane")
        role(explorer, "resample").click()
        said = last(explorer)
        for name, key in (("mu", "mu"), ("log-var", "log_var"), ("epsilon", "epsilon"), ("z", "z")):
            assert numbers(explorer, name) == pytest.approx(said[key], abs=0.006)
        assert numbers(explorer, "sigma") == pytest.approx([math.exp(v / 2) for v in said["log_var"]], rel=0.06)
        assert numbers(explorer, "kl") == pytest.approx([said["kl"]], abs=6e-4)
        assert numbers(explorer, "reconstruction-loss") == pytest.approx([said["reconstruction_loss"]], abs=6e-4)
        assert numbers(explorer, "loss") == pytest.approx([said["kl"] + said["reconstruction_loss"]], abs=6e-4)
        assert len(said["pixels"]) == 784

    @pytest.mark.parametrize("name", ["plane", "deep"])
    def test_numbers_have_two_decimals_and_two_of_them_are_seen(self, opened, name):
        explorer = opened(name)
        for key in ("mu", "log-var", "sigma", "epsilon", "z"):
            seen = explorer.locator(f"[data-role={key}]")
            assert all(re.fullmatch(r"-?\d+\.\d\d", text) for text in seen.text_content().split()), key
            assert seen.locator("tspan:visible").count() == 2

    def test_the_die_moves_z_and_not_mu(self, opened):
        explorer = opened("plane")
        before, images = last(explorer), {image(explorer)}
        for _ in range(5):
            role(explorer, "resample").click()
            after = last(explorer)
            assert (after["mu"], after["log_var"], after["kl"]) == (before["mu"], before["log_var"], before["kl"])
            z = [
                m + math.exp(v / 2) * e for m, v, e in zip(after["mu"], after["log_var"], after["epsilon"], strict=True)
            ]
            assert after["z"] == pytest.approx(z, abs=1e-5)
            images.add(image(explorer))
        assert len(images) == 6
        assert explorer.locator(".plane .cloud circle").count() == 5

    def test_dragging_z_changes_one_term_alone(self, page, opened):
        explorer = opened("plane")
        before = last(explorer)
        assert len({image(explorer), *drag(page, explorer)}) == 4
        after = last(explorer)
        assert max(after["z"]) < -1
        assert (after["kl"], after["mu"]) == (before["kl"], before["mu"])
        assert after["reconstruction_loss"] != before["reconstruction_loss"]
        implied = [(z - m) / math.exp(v / 2) for z, m, v in zip(after["z"], after["mu"], after["log_var"], strict=True)]
        assert after["epsilon"] == pytest.approx(implied, rel=1e-4)

    def test_an_image_is_taken_from_the_row_or_the_plane(self, page, opened):
        explorer = opened("plane")
        seen = {str(last(explorer)["mu"])}
        for i in (3, 7):
            explorer.locator(".strip button").nth(i).click()
            seen.add(str(last(explorer)["mu"]))
        point = explorer.locator(".plane .point").nth(40)
        place = point.evaluate(
            "p => { const b = p.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }"
        )
        page.mouse.click(*place)
        seen.add(str(last(explorer)["mu"]))
        assert len(seen) == 4

    def test_a_drawing_goes_through_the_model(self, page, opened):
        explorer = opened("plane")
        before, canvas = last(explorer), role(explorer, "input")
        codes = [last(explorer)["mu"] for _ in stroke(page, canvas, [(0.5, 0.1), (0.45, 0.5), (0.4, 0.9)])]
        assert before["mu"] not in codes
        assert explorer.locator(".strip [aria-pressed=true]").count() == 0
        one = last(explorer)
        page.keyboard.press("Period")
        page.keyboard.press("Period")
        turned = last(explorer)
        assert turned["mu"] != one["mu"]
        role(explorer, "clear").click()
        empty = explorer.locator(".output canvas").first
        assert set(image(explorer, ".output canvas >> nth=0").split(",")) == {"255"}
        assert empty.is_visible()

    def test_it_is_said_where_the_encoder_sees_a_drawing_otherwise(self, page, opened):
        explorer = opened("plane")
        note, canvas = explorer.get_by_text("Before the encoder sees it"), role(explorer, "input")
        assert note.is_hidden()
        for _ in stroke(page, canvas, [(0.1, 0.1), (0.3, 0.4)]):
            assert note.is_visible()
        page.keyboard.press("Period")  # turned, the sheet shows what the encoder sees
        assert note.is_hidden()
        for _ in stroke(page, canvas, [(0.1, 0.1), (0.3, 0.4)]):
            pass
        explorer.locator(".strip button").nth(1).click()
        assert note.is_hidden()

    def test_two_explorers_on_a_page_do_not_meet(self, page, opened):
        opened("two")
        page.wait_for_function("document.querySelectorAll('.vae-explorer .plane').length === 2")
        first, second = page.locator(".vae-explorer").all()
        before = image(second), numbers(second, "z")
        assert len({image(first), *drag(page, first)}) == 4
        role(first, "resample").click()
        assert (image(second), numbers(second, "z")) == before

    def test_keeps_up_with_fifty_changes_a_second(self, page, opened):
        opened("plane")
        page.evaluate("window.changes.length = 0")
        page.evaluate(FIFTY_A_SECOND)
        assert page.evaluate("window.changes.length") == 101

    @pytest.mark.parametrize("network", ["dense", "conv"])
    def test_a_frame_takes_less_than_50_milliseconds(self, page, opened, network):
        explorer = opened(network)
        explorer.locator(".strip button").nth(1).click()  # with the walk from the image before
        page.evaluate(FRAME_TIMES, 50)  # until it is compiled
        times = page.evaluate(FRAME_TIMES, 200)
        print(f"{network}: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms")
        assert statistics.median(times) < 50


class TestKeyboard:
    def test_reaches_everything(self, page, opened):
        explorer = opened("plane")
        tab, focused = lambda n=1: [page.keyboard.press("Tab") for _ in range(n)], "document.activeElement"
        tab(2)  # past the tour
        before = last(explorer)
        for key in ("ArrowRight", "ArrowDown", ",", "+"):
            page.keyboard.press(key)
        assert last(explorer)["mu"] != before["mu"]
        tab(5)  # past what turns it, makes it thicker, thinner
        assert page.evaluate(f"{focused}.dataset.role") == "clear"
        tab()
        epsilon = last(explorer)["epsilon"]
        page.keyboard.press("Enter")
        assert last(explorer)["epsilon"] != epsilon
        tab(3)
        page.keyboard.press("Space")  # the third image
        tab(8)
        before, picture = last(explorer)["z"], image(explorer)
        for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
            page.keyboard.press(key)
        assert last(explorer)["z"] == pytest.approx([before[0] + 0.2, before[1] + 0.5])
        assert image(explorer) != picture
        tab(2)  # past Play, to the slider
        page.keyboard.press("Home")
        assert explorer.locator(".walk output").inner_text() == "0.00"
        assert page.evaluate(f"{focused}.type") == "range"

    def test_focus_is_seen(self, page, opened):
        opened("models")
        for _ in range(30):
            page.keyboard.press("Tab")
            style = page.evaluate(
                "(() => { const s = getComputedStyle(document.activeElement);"
                " return [document.activeElement.tagName, s.outlineStyle, s.outlineWidth]; })()"
            )
            if style[0] == "BODY":
                break
            assert style[1] == "solid", style
            assert float(style[2].removesuffix("px")) >= 2, style

    def test_names_what_it_shows(self, opened):
        """What a screen reader says: each control has a name, and the plane says where the point is."""
        explorer = opened("models")
        explorer.locator(".strip button").nth(1).click()
        for kind, names in {
            "button": ["An image of 0", "An image of 9", "Play", "Throw the die", "Turn left", "Clear", "Tour in"],
            "slider": ["t"], "combobox": ["Path"], "application": ["Latent plane, z₁ = ", "The image x. Draw"],
            "img": ["The decoded image of z"],
        }.items():  # fmt: skip
            for name in names:
                assert explorer.get_by_role(kind, name=name, exact=name == "t").count() == 1, name

    def test_says_a_change_once_and_not_each(self, page, opened):
        explorer = opened("plane")
        page.evaluate(COUNT_WHAT_IS_SAID)
        drag(page, explorer)
        page.wait_for_function("window.said.length > 0")
        page.wait_for_timeout(1000)
        said = page.evaluate("window.said")
        assert len(said) <= 2
        assert re.match(r"z is -\d\.\d\d and -\d\.\d\d\. Reconstruction loss [\d.]+, KL [\d.]+ nats\.", said[-1])


class TestModels:
    def test_each_has_a_card_with_the_same_image(self, opened):
        explorer = opened("models")
        cards = explorer.locator(".card")
        assert cards.locator(".name").all_inner_texts() == ["AE", "VAE", "beta = 0"]
        assert cards.locator(".numbers").all_inner_texts()[0].startswith("‖x − x′‖² = ")
        before = [image(explorer, f".card:nth-child({i}) canvas >> nth=1") for i in (1, 2, 3)]
        explorer.locator(".strip button").nth(5).click()
        after = [image(explorer, f".card:nth-child({i}) canvas >> nth=1") for i in (1, 2, 3)]
        assert all(a != b for a, b in zip(before, after, strict=True))
        assert len(set(after)) == 3

    def test_choosing_one_keeps_the_walk_s_ends(self, opened):
        explorer = opened("models")
        explorer.locator(".strip button").nth(3).click()
        role(explorer, "clear").click()
        explorer.locator(".card").nth(2).click()
        assert explorer.locator(".walk .hint").inner_text() == "From A (0) to B (3):"

    def test_of_an_autoencoder_there_is_no_die(self, opened):
        explorer = opened("models")
        assert role(explorer, "resample").is_visible()
        explorer.locator(".card").nth(0).click()
        assert role(explorer, "resample").count() == 0
        said = last(explorer)
        assert (said["log_var"], said["epsilon"], said["kl"]) == ([], [], 0)
        assert said["z"] == said["mu"]

    def test_the_sum_says_what_it_weighs(self, opened):
        explorer = opened("models")
        explorer.locator(".card").nth(2).click()
        assert explorer.locator(".total th").inner_text() == "reconstruction + 0 · KL"
        assert numbers(explorer, "loss") == numbers(explorer, "reconstruction-loss")

    def test_more_dimensions_have_sliders_by_activity(self, opened):
        explorer = opened("deep")
        rows = explorer.locator(".dimensions label")
        variances = [float(text) for text in rows.locator("output").all_inner_texts()]
        assert len(variances) == 6
        assert variances == sorted(variances, reverse=True)
        assert len(numbers(explorer, "mu")) == 6
        images = {image(explorer)}
        for i in range(6):
            rows.nth(i).get_by_role("slider").fill("2")
            images.add(image(explorer))
        assert len(images) == 7
        assert last(explorer)["z"] == [2] * 6


class TestPlane:
    def test_names_cover_neither_each_other_nor_the_pins(self, page, opened):
        explorer = opened("plane")
        explorer.locator(".strip button").nth(3).click()
        boxes, in_order = page.evaluate(IN_THE_PLANE)
        assert len(boxes) == 12
        *pairs, _ = itertools.combinations(boxes, 2)  # all but the pins'
        for a, b in pairs:
            assert a[0] >= b[1] or b[0] >= a[1] or a[2] >= b[3] or b[2] >= a[3], (a, b)
        assert in_order[-3:] == ["flag", "flag", "marker"]

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_names_can_be_read(self, page, opened, scheme):
        page.emulate_media(color_scheme=scheme)
        opened("plane")
        names, (paper,) = page.evaluate(COLOURS)
        assert len(names) == 10
        assert all(contrast(name, paper) >= 4.5 for name in names)

    def test_close_up_says_how_large_it_is(self, opened):
        explorer = opened("plane")
        sizes = re.findall(r"\d\.\d+", explorer.locator(".lens .scale").inner_text())
        widths = [4 * math.exp(v / 2) for v in last(explorer)["log_var"]]  # from mu - 2 sigma to mu + 2 sigma
        assert list(map(float, sizes)) == pytest.approx(widths, rel=0.06)


class TestWalk:
    def test_leads_from_the_image_before_to_this_one(self, page, opened):
        explorer = opened("plane")
        assert explorer.locator(".walked").is_hidden()
        explorer.locator(".strip button").nth(0).click()
        explorer.locator(".strip button").nth(1).click()
        assert explorer.locator(".walk .hint").inner_text() == "From A (0) to B (1):"
        explorer.get_by_role("button", name="Play").click()
        page.wait_for_function("document.querySelector('.walk output').textContent === '1.00'")
        page.wait_for_timeout(200)
        frames = [image(explorer, f".walked canvas >> nth={i}") for i in range(9)]
        assert len(set(frames)) == 9
        assert image(explorer) == frames[-1]
        explorer.get_by_role("slider", name="t", exact=True).fill("0")
        assert image(explorer) == frames[0]
        explorer.get_by_role("combobox").select_option("spherical")
        turned = [image(explorer, f".walked canvas >> nth={i}") for i in range(9)]
        assert (turned[0], turned[-1]) == (frames[0], frames[-1])
        assert turned[4] != frames[4]

    def test_an_empty_sheet_is_no_end_and_two_strokes_are_one_drawing(self, page, opened):
        explorer = opened("plane")
        hint, canvas = explorer.locator(".walk .hint"), role(explorer, "input")
        explorer.locator(".strip button").nth(3).click()
        role(explorer, "clear").click()
        canvas.focus()
        page.keyboard.press("Period")
        assert hint.inner_text() == "From A (0) to B (3):"
        for points in ([(0.3, 0.2), (0.7, 0.2)], [(0.7, 0.2), (0.4, 0.9)]):
            for _ in stroke(page, canvas, points):
                pass
            assert hint.inner_text() == "From A (3) to B (drawn):"

    def test_jumps_where_motion_is_to_be_reduced(self, page, opened):
        page.emulate_media(reduced_motion="reduce")
        explorer = opened("plane")
        explorer.locator(".strip button").nth(3).click()
        explorer.get_by_role("slider", name="t", exact=True).fill("0")
        page.evaluate("window.changes.length = 0")
        explorer.get_by_role("button", name="Play").click()
        assert explorer.locator(".walk output").inner_text() == "1.00"
        assert page.evaluate("window.changes.length") == 1


class TestTour:
    @pytest.mark.parametrize("name", ["plane", "models"])
    def test_lights_a_part_at_each_step(self, opened, name):
        explorer = opened(name)
        explorer.get_by_role("button", name="Tour in").click()
        rows = []
        for step in range(8):
            assert explorer.locator(".tour h2").inner_text().startswith(f"{step + 1} of 8: ")
            assert explorer.locator(".tour .task").inner_text().startswith("Try: ")
            assert explorer.locator(".lit").evaluate_all("all => all.some(e => e.getBoundingClientRect().width > 0)")
            rows.append(explorer.locator(".tour .row").inner_text())
            explorer.get_by_role("button", name="Next" if step < 7 else "Done").click()
        assert len(set(rows)) == 8
        assert rows[:7] == sorted(rows[:7])  # in the lecture's order; last comes what compares
        assert explorer.locator(".tour").is_hidden()
        assert explorer.locator(".lit").count() == 0

    @pytest.mark.parametrize("name", ["plane", "models"])
    def test_on_a_phone_brings_what_it_lights_into_view_below_itself(self, page, opened, name):
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(reduced_motion="reduce")  # there at once
        explorer = opened(name)
        explorer.locator(".strip button").nth(3).click()
        explorer.get_by_role("button", name="Tour in").click()
        for step in range(8):
            if step:
                explorer.get_by_role("button", name="Next").click()
            tour, *lit, window = page.evaluate(TOUR_AND_LIT)
            assert min(tour) >= 0
            assert lit
            assert all(tour[1] <= top < bottom <= window for top, bottom in lit), step + 1
            assert page.evaluate("document.activeElement.tagName") == ("BUTTON" if step else "H2")  # Next's

    def test_glides_there_where_motion_is_welcome(self, page, opened):
        page.set_viewport_size({"width": 390, "height": 844})
        page.add_init_script("Element.prototype.scrollIntoView = options => { window.behavior = options.behavior; }")
        explorer = opened("plane")
        for motion, behavior in (("no-preference", "smooth"), ("reduce", "instant")):
            page.emulate_media(reduced_motion=motion)
            explorer.get_by_role("button", name="Tour in").click()
            assert page.evaluate("window.behavior") == behavior
            explorer.get_by_role("button", name="Close").click()

    def test_remembers_where_one_was(self, page, opened):
        explorer = opened("plane")
        explorer.get_by_role("button", name="Tour in 8 steps").click()
        explorer.get_by_role("button", name="Next").click()
        explorer.get_by_role("button", name="Next").click()
        explorer.get_by_role("button", name="Close").click()
        page.reload()
        explorer.get_by_role("button", name="Go on with the tour: step 3 of 8").click()
        assert explorer.locator(".tour h2").inner_text().startswith("3 of 8")


class TestWords:
    def test_parts_of_the_graph_are_named(self, opened):
        explorer = opened("plane")
        titles = explorer.locator(".graph .node").evaluate_all("all => all.map(n => n.previousSibling.textContent)")
        assert len(titles) == 5
        assert all(titles)
        for name in ("encoder", "decoder"):
            assert explorer.locator(".graph").get_by_text(name, exact=True).is_visible()

    def test_are_explained_where_one_asks(self, opened):
        explorer = opened("models")
        words = explorer.locator(".words dt")
        assert not any(word.is_visible() for word in words.all())
        explorer.locator(".words summary").click()
        assert words.all_inner_texts() == ["encoder", "decoder", "μ", "σ", "ε", "prior", "KL", "nat"]
        assert all(word.is_visible() for word in words.all())
        explorer.locator(".card").nth(0).click()  # an autoencoder
        assert [word.inner_text() for word in words.all() if word.is_visible()] == ["encoder", "decoder"]


class TestForEverybody:
    @pytest.mark.parametrize("width", [390, 768, 1280])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("name", ["models", "deep"])
    def test_fits_and_axe_finds_nothing_serious(self, page, opened, screenshots, name, scheme, width):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        explorer = opened(name)
        explorer.locator(".strip button").nth(3).click()
        for _ in range(5):
            role(explorer, "resample").click()
        explorer.locator(".words summary").click()
        explorer.get_by_role("button", name="Tour in").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=screenshots / f"{name}_{scheme}_{width}.png", full_page=True)
        found = axe.Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert not serious, [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in serious]

    def test_answers_to_a_finger(self, browser, exported):
        with contextlib.closing(browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})) as context:
            page = context.new_page()
            page.add_init_script(KEEP_CHANGES)
            page.goto((exported / "plane.html").as_uri())
            page.wait_for_function("window.changes.length > 0")
            explorer = page.locator(".vae-explorer")
            before = last(explorer)
            for part in ("[data-role=input]", ".plane"):
                explorer.locator(part).scroll_into_view_if_needed()
                box = explorer.locator(part).bounding_box()
                page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
                after = last(explorer)
                assert after["z"] != before["z"]
                before = after
