import importlib
import inspect
import sys
import types
import warnings

import IPython
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba
from scipy.stats import norm
from small import small_autoencoder, small_vae

from vae_keras import kl_divergence, plots
from vae_keras.measures import predicted_classes
from vae_keras.networks import make_classifier
from vae_keras.plots.alt import alt_text
from vae_keras.plots.digits import mosaic, signed_pictures
from vae_keras.plots.style import CLASS_COLOURS

RNG = np.random.default_rng(0)
PATHS = {model: {path: RNG.standard_normal((5, 9, 2)) for path in ("linear", "spherical")} for model in ("AE", "VAE")}
CODES = {model: RNG.standard_normal((50, 2)) for model in ("AE", "VAE")}
ALONG_PATHS = {kind: {"AE linear": np.ones(9), "VAE spherical": np.ones(9)} for kind in ("pixels", "features")}
GAUSSIANS = ((0, 1), (2, 0.5))
DRAWS = np.array([0, 2]) + np.array([1, 0.5]) * RNG.standard_normal((5000, 2))


@pytest.fixture(scope="module")
def given(digits, trained_vae):
    """What the plots below are made of."""
    x, y = digits[0][0][:100], digits[0][1][:100]
    mean, log_var = trained_vae.encode(x)
    history = types.SimpleNamespace(history={"loss": [3.0, 2.0], "val_loss": [4.0, 3.0], "kl_loss": [1.0, 0.5]})
    return types.SimpleNamespace(
        x=x, y=y, vae=trained_vae, ae=small_autoencoder(), mean=mean, log_var=log_var, history=history
    )


CALLS = {
    "plot_aggregate_posteriors": lambda g, **k: plots.plot_aggregate_posteriors(
        {"one": (g.mean, g.log_var), "two": (g.mean, g.log_var)}, {"one": 0.5, "two": 0.5}, draws=2000, **k
    ),
    "plot_cell_shares": lambda g, **k: plots.plot_cell_shares({"one": RNG.dirichlet(np.ones(32)).reshape(4, 8)}, **k),
    "plot_clouds": lambda g, **k: plots.plot_clouds(g.vae, g.x[:3], draws=4, cloud=20, **k),
    "plot_code_box": lambda g, **k: plots.plot_code_box(g.vae, g.mean, g.y, n=4, **k),
    "plot_codes": lambda g, **k: plots.plot_codes(g.mean, g.y, **k),
    "plot_codes_and_manifold": lambda g, **k: plots.plot_codes_and_manifold(g.vae, g.mean, g.y, n=4, **k),
    "plot_compression": lambda g, **k: plots.plot_compression(g.ae, g.vae, g.x[:5], **k),
    "plot_compression_rows": lambda g, **k: plots.plot_compression_rows({"x": g.x[:4], "z": g.mean[:4]}, **k),
    "plot_density": lambda g, **k: plots.plot_density(**k),
    "plot_digit_rows": lambda g, **k: plots.plot_digit_rows({"x": g.x[:4], "x̂": g.vae.reconstruct(g.x[:4])}, **k),
    "plot_distances_along_paths": lambda g, **k: plots.plot_distances_along_paths(
        ALONG_PATHS, {"pixels": 0.5, "features": 0.5}, **k
    ),
    "plot_draws": lambda g, **k: plots.plot_draws(
        DRAWS, GAUSSIANS, {"f": lambda x, mu, sigma: norm.pdf(x, mu, sigma)}, **k
    ),
    "plot_empirical_cdfs": lambda g, **k: plots.plot_empirical_cdfs(DRAWS, GAUSSIANS, critical=0.03, **k),
    "plot_error_against_size": lambda g, **k: plots.plot_error_against_size(
        {1: 40, 2: 30, 4: 20}, {2: 20, 4: 12}, {2: 30}, **k
    ),
    "plot_gaussians": lambda g, **k: plots.plot_gaussians(**k),
    "plot_generative_model": lambda g, **k: plots.plot_generative_model(**k),
    "plot_gradient_estimates": lambda g, **k: plots.plot_gradient_estimates(
        {"score": DRAWS.T, "path": 0.1 * DRAWS.T}, (0, 2), **k
    ),
    "plot_history": lambda g, **k: plots.plot_history(g.history, terms=("loss", "kl_loss"), **k),
    "plot_kl_landscape": lambda g, **k: plots.plot_kl_landscape(**k),
    "plot_kl_pictures": lambda g, **k: plots.plot_kl_pictures(**k),
    "plot_kl_per_dimension": lambda g, **k: plots.plot_kl_per_dimension({"2-d": g.vae}, g.x, **k),
    "plot_latent_planes": lambda g, **k: plots.plot_latent_planes({"one": g.mean, "two": 10 * g.mean}, g.y, **k),
    "plot_loss_histogram": lambda g, **k: plots.plot_loss_histogram(RNG.random(200), {"AE": 0.5}, **k),
    "plot_manifold": lambda g, **k: plots.plot_manifold(g.vae, n=5, **k),
    "plot_memorizing": lambda g, **k: plots.plot_memorizing({"one": [[1, 2], [1, 3]], "only KL": [[5, 5]]}, **k),
    "plot_moves": lambda g, **k: plots.plot_moves({"one": RNG.random((4, 2, 3))}, ("noise", "shift"), **k),
    "plot_nearest_distances": lambda g, **k: plots.plot_nearest_distances({"AE": {"samples": RNG.random(50)}}, **k),
    "plot_norms_along_paths": lambda g, **k: plots.plot_norms_along_paths(PATHS, CODES, **k),
    "plot_point_and_distribution": lambda g, **k: plots.plot_point_and_distribution(g.ae, g.vae, g.x, g.x[0], **k),
    "plot_posterior_bells": lambda g, **k: plots.plot_posterior_bells(g.vae, g.x[0], **k),
    "plot_posteriors": lambda g, **k: plots.plot_posteriors(g.mean, g.log_var, g.y, **k),
    "plot_power_laws": lambda g, **k: plots.plot_power_laws(
        [1, 2, 4], {"error": [1, 2, 4]}, [("error", 1)], xlabel="x", ylabel="y", **k
    ),
    "plot_rate_distortion": lambda g, **k: plots.plot_rate_distortion([0.1, 1], [5, 2], [20, 30], 40, **k),
    "plot_reparameterization": lambda g, **k: plots.plot_reparameterization(g.vae, g.x[0], **k),
    "plot_reparameterization_graph": lambda g, **k: plots.plot_reparameterization_graph(**k),
    "plot_schema": lambda g, **k: plots.plot_schema(g.vae, g.x[0], **k),
    "plot_sigma_effect": lambda g, **k: plots.plot_sigma_effect(g.x[0], g.x[1], **k),
    "plot_sigma_histograms": lambda g, **k: plots.plot_sigma_histograms({"one": np.exp(g.log_var / 2)}, **k),
    "plot_stretch": lambda g, **k: plots.plot_stretch(
        RNG.random((6, 6)), np.repeat([[1, 2]], 6, axis=0).repeat(3, axis=1), g.mean, g.y, **k
    ),
    "plot_unit_variances": lambda g, **k: plots.plot_unit_variances(
        [0.1, 1], [np.array([1, 0.5]), np.array([1, 1e-4])], [2, 1], **k
    ),
    "plot_true_posteriors": lambda g, **k: plots.plot_true_posteriors(
        g.vae, g.x[:2], RNG.dirichlet(np.ones(81), 2).reshape(2, 9, 9), **k
    ),
    "plot_widths": lambda g, **k: plots.plot_widths(np.exp(g.log_var.mean(axis=1)), g.x, g.y, **k),
}
PANELS = [name for name in CALLS if "axes" in inspect.signature(getattr(plots, name)).parameters]
ON_ONE_AXES = [name for name in CALLS if name not in PANELS]


def test_every_plot_is_drawn_below():
    assert sorted(CALLS) == sorted(plots.__all__)


def says_what_it_shows(axis):
    """An axis has a label, or names in place of numbers, or no ticks that would need one."""
    names = [text.get_text() for text in axis.get_ticklabels() if text.get_text() and text.get_visible()]
    numbers = [name for name in names if name.replace("−", "-").lstrip("-").replace(".", "").isdigit()]
    return bool(axis.get_label_text()) or not numbers


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_returns_axes_that_say_what_they_show(given, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of missing glyphs, or of a layout that does not fit
        warnings.simplefilter("ignore", DeprecationWarning)  # older Matplotlib, newer pyparsing: both kinds at once
        axes = np.ravel(CALLS[name](given))
        axes[0].figure.canvas.draw()
    assert len(axes) > 0
    for ax in axes:
        assert isinstance(ax, Axes)
        assert ax.has_data() or ax.texts
        assert not ax.axison or (says_what_it_shows(ax.xaxis) and says_what_it_shows(ax.yaxis))


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_has_the_title_that_was_given(given, name):
    axes = np.ravel(CALLS[name](given, title="a title of one's own"))
    suptitle = axes[0].figure.get_suptitle()
    assert "a title of one's own" in (suptitle, *(ax.get_title() for ax in axes))


@pytest.mark.parametrize("name", ON_ONE_AXES)
def test_a_plot_draws_on_the_axes_that_were_given(given, name):
    ax = plt.figure(figsize=(9, 4)).add_subplot()
    assert CALLS[name](given, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", PANELS)
def test_a_plot_of_several_panels_stays_within_the_axes_that_were_given(given, name):
    axes = CALLS[name](given)
    assert isinstance(axes, np.ndarray)
    above, below = plt.figure(figsize=(9, 9), layout="constrained").subfigures(2, 1)
    above.suptitle("somebody else's")
    panels = below.subplots(1, axes.size, squeeze=False)[0]
    drawn_on = CALLS[name](given, axes=list(panels))
    assert drawn_on.shape == axes.shape
    assert list(drawn_on.flat) == list(panels)
    assert len(plt.get_fignums()) == 2  # both are ours
    assert not above.axes
    assert not above.figure.legends
    assert not above.figure.get_suptitle()
    assert above.get_suptitle() == "somebody else's"


def test_a_plot_leaves_a_title_alone_that_it_was_not_told_to_replace():
    figure, axes = plt.subplots(1, 2)
    figure.suptitle("the reader's")
    plots.plot_density(axes=axes)
    assert figure.get_suptitle() == "the reader's"


def test_a_plot_says_which_axes_it_needs():
    for axes, received in ((plt.subplots(1, 3)[1], "3 of type Axes"), ([1, 2], "2 of type int"), ([], "0")):
        with pytest.raises(TypeError, match=rf"axes must be 2 Matplotlib axes\. Received: {received}"):
            plots.plot_density(axes=axes)


def test_a_plot_on_one_axes_refuses_an_array_of_them():
    with pytest.raises(TypeError, match=r"ax must be Matplotlib axes, .*\. Received: a ndarray"):
        plots.plot_gaussians(ax=plt.subplots(1, 2)[1])


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_leaves_the_readers_style_alone(given, name):
    before = dict(plt.rcParams)
    CALLS[name](given)
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize("name", CALLS)
def test_a_plot_is_dark_on_opaque_white_whatever_the_page(given, name):
    with plt.style.context(["dark_background", {"figure.facecolor": "none"}]):
        axes = np.ravel(CALLS[name](given, title="a title"))
    figure = axes[0].figure
    assert to_rgba(figure.get_facecolor()) == (1, 1, 1, 1)
    texts = [*figure.texts, *(text for ax in axes for text in (ax.title, ax.xaxis.label, *ax.get_xticklabels()))]
    assert all(to_rgba(text.get_color()) == (0, 0, 0, 1) for text in texts)


# What the pictures say to those who do not see them


@pytest.mark.parametrize("name", CALLS)
def test_a_figure_has_an_alt_text_that_names_what_is_drawn_and_its_titles_and_labels(given, name):
    axes = np.ravel(CALLS[name](given, title="a title of one's own"))
    text = alt_text(axes[0].figure)
    assert "a title of one's own" in text
    assert len(text) < 500
    assert not set(text) & set("$\\{}\n")  # no formula that cannot be read
    kind, _ = text.removeprefix("a title of one's own. ").split(". ", 1)
    assert " ".join(getattr(plots, name).__doc__.split()).startswith(kind)
    assert "L0" not in kind  # the rows of the lecture are not in the picture
    for ax in axes:
        for label in (ax.get_title(), ax.get_xlabel() * ax.axison, ax.get_ylabel() * ax.axison):
            assert all(word in text for word in label.split() if word.isalpha())


def test_an_alt_text_says_what_the_figure_says_when_it_is_shown():
    ax = plots.plot_gaussians(((0, 1),))
    ax.axhline(0.2, label="a line of the reader's")
    ax.legend()
    ax.set(title="$\\hat{x} \\sim \\mathcal{N}(\\mu, \\sigma_\\phi^2)$\n100 {draws}", xlabel="later")
    assert alt_text(ax.figure) == (
        "Curves of Gaussian densities, one for each pair of mu and sigma. "
        "Title: x hat ~ N(mu, sigma_phi^2), 100 {draws}; x axis: later; y axis: density f(x). "
        "Legend: mu = 0, sigma = 1; a line of the reader's."
    )


def test_an_alt_text_names_each_panel_and_what_is_new_in_it(given):
    left, right = plt.subplots(1, 2)[1]
    plots.plot_history(given.history, title="total", ax=left)
    plots.plot_codes(given.mean, given.y, title="plane", ax=right)
    assert alt_text(left.figure) == (
        "Curves of loss terms over training: solid on the training images, dashed on the held-out ones. "
        "Panel 1, title: total; x axis: epoch; y axis: nats per image. "
        "Scatter of 2-d codes, coloured by class. "
        "Panel 2, title: plane; x axis: z_1; y axis: z_2. "
        "Legend: loss, training; loss, held-out; …; 9."
    )


def test_an_alt_text_lists_ticks_that_are_names_but_not_too_many_of_them(given):
    rows = {"original": given.x[:12], "PCA": given.x[:12]}
    ax = plots.plot_digit_rows(rows, column_labels=[f"t = {t}" for t in range(12)])
    assert "X axis: t = 0; t = 1; …; t = 11; y axis: original; PCA." in alt_text(ax.figure)
    numbers = plots.plot_digit_rows(rows, column_labels=[f"{t}" for t in range(12)])
    assert "X axis" not in alt_text(numbers.figure)


def test_a_figure_of_somebody_elses_is_described_by_its_words():
    figure, ax = plt.subplots()
    assert alt_text(figure) == ""
    ax.set(xlabel="years", title="growth")
    assert alt_text(figure) == "Title: growth; x axis: years."


def test_a_notebook_that_imports_the_plots_shows_figures_with_their_alt_text(monkeypatch):
    shell = types.SimpleNamespace(display_formatter=DisplayFormatter())
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    importlib.reload(plots)
    figure = plots.plot_gaussians().figure
    for kind in ("png", "retina"):
        select_figure_formats(shell, {kind})  # as `%matplotlib inline` does, which forgets what it finds
        data, metadata = shell.display_formatter.format(figure)
        assert {"image/png", "text/plain"} == set(data)
        assert metadata["image/png"]["alt"] == alt_text(figure)
        assert set(metadata["image/png"]) == ({"alt"} if kind == "png" else {"alt", "width", "height"})
        assert data["text/plain"] == alt_text(figure)  # in place of <Figure size …>
    data, metadata = shell.display_formatter.format(plt.figure())
    assert data["text/plain"].startswith("<Figure")
    assert metadata == {}


def test_the_plots_need_no_ipython(monkeypatch):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)  # it was imported by something, but runs nothing
    importlib.reload(plots)
    monkeypatch.delitem(sys.modules, "IPython")
    importlib.reload(plots)


# What the pictures say


def test_mosaic_fills_row_by_row_and_leaves_missing_cells_empty():
    images = np.arange(1, 6)[:, None, None, None] / 8 * np.ones((5, 28, 28, 1))
    picture = mosaic(images, columns=3)
    assert picture.shape == (56, 84)
    np.testing.assert_array_equal(8 * picture[::28, ::28], [[1, 2, 3], [4, 5, 0]])


def test_digit_rows_stand_beside_their_names(given):
    ax = plots.plot_digit_rows({"first": given.x[:3], "second": given.x[3:5]}, column_labels=["a", "b", "c"])
    first, second = (picture.get_array() for picture in ax.images)
    np.testing.assert_array_equal(first[:, 56:84], given.x[2, ..., 0])
    np.testing.assert_array_equal(second[:, 28:56], given.x[4, ..., 0])
    assert not second[:, 56:].any()  # the shorter row ends in nothing
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert [picture.get_extent() for picture in ax.images] == [[0, 3, -1, 0], [0, 3, -2, -1]]
    assert list(ax.get_yticks()) == [-0.5, -1.5]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]


def test_the_manifold_is_decoded_at_the_priors_quantiles_with_z2_upwards():
    decoded = []

    def decode(z):
        decoded.append(np.array(z))
        return np.broadcast_to(z[:, :1, None, None], (len(z), 28, 28, 1))

    n = 4
    plots.plot_manifold(types.SimpleNamespace(latent_dim=2, decode=decode), n=n)
    (z,) = decoded  # in one batch
    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    grid = z.reshape(n, n, 2)
    np.testing.assert_allclose(grid[0, :, 0], quantiles)  # from left to right
    np.testing.assert_allclose(grid[:, 0, 1], quantiles[::-1])  # from top to bottom


def test_codes_have_the_colour_of_their_class_which_the_legend_names(given):
    ax = plots.plot_codes(given.mean, given.y)
    np.testing.assert_allclose(ax.collections[0].get_offsets(), given.mean, rtol=1e-6)
    handles, names = ax.get_legend_handles_labels()
    assert names == [str(digit) for digit in np.unique(given.y)]
    for handle, name in zip(handles, names, strict=True):
        assert handle.get_color() == CLASS_COLOURS[int(name)]


def test_the_grid_in_the_scatter_stands_where_the_manifold_is_decoded(given):
    scatter, grid = plots.plot_codes_and_manifold(given.vae, given.mean, given.y, n=4)
    quantiles = norm.ppf((np.arange(4) + 0.5) / 4)
    vertical = [segment[0][0] for segment in scatter.collections[-2].get_segments()]
    np.testing.assert_allclose(vertical, quantiles)
    lower_right = grid.images[0].get_array()[-28:, -28:]
    expected = given.vae.decode([[quantiles[-1], quantiles[0]]])[0, ..., 0]
    np.testing.assert_allclose(lower_right, expected, atol=1e-5)


def test_history_draws_training_solid_and_held_out_dashed(given):
    ax = plots.plot_history(given.history, terms=("loss", "kl_loss"))
    drawn = {line.get_label(): (line.get_linestyle(), list(line.get_ydata())) for line in ax.lines}
    assert drawn == {
        "loss, training": ("-", [3.0, 2.0]),
        "loss, held-out": ("--", [4.0, 3.0]),
        "KL, training": ("-", [1.0, 0.5]),  # that has no held-out values
    }
    assert list(ax.lines[0].get_xdata()) == [1, 2]


def test_density_states_the_probability_of_the_interval():
    density, cumulative = plots.plot_density(mean=1, sigma=2, a=-1, b=3)
    for ax in (density, cumulative):
        assert any("0.6827" in text.get_text() for text in ax.texts)  # μ ± σ


def test_gaussians_have_the_height_of_their_density():
    ax = plots.plot_gaussians(GAUSSIANS)
    heights = [line.get_ydata().max() for line in ax.lines]
    np.testing.assert_allclose(heights, [norm.pdf(0), norm.pdf(0) / 0.5], rtol=1e-3)


def test_kl_per_dimension_adds_up_to_the_kl(given):
    ax = plots.plot_kl_per_dimension({"2-d": given.vae}, given.x)
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == sorted(heights, reverse=True)
    assert sum(heights) == pytest.approx(float(np.mean(kl_divergence(given.mean, given.log_var))), rel=1e-5)


def test_posteriors_are_ellipses_of_two_sigma(given):
    ax = plots.plot_posteriors(given.mean, given.log_var, np.full(len(given.mean), 3))
    of_codes, of_prior = (c for c in ax.collections if isinstance(c, EllipseCollection))
    np.testing.assert_allclose(of_codes.get_offsets(), given.mean, rtol=1e-6)
    np.testing.assert_allclose(of_codes.get_widths(), 4 * np.exp(given.log_var[:, 0] / 2), rtol=1e-5)
    np.testing.assert_allclose(of_prior.get_widths(), [4])


def test_the_kl_landscapes_lines_are_the_kl():
    along_mu, along_sigma = (ax.lines[0] for ax in plots.plot_kl_landscape()[1:])
    np.testing.assert_allclose(along_mu.get_ydata(), along_mu.get_xdata() ** 2 / 2, atol=1e-5)
    sigma = along_sigma.get_xdata()
    np.testing.assert_allclose(along_sigma.get_ydata(), (sigma**2 - 1) / 2 - np.log(sigma), atol=1e-5)


def test_sigma_effect_is_the_loss_and_the_full_density(given):
    x, x_hat = given.x[0], given.x[1]
    ax = plots.plot_sigma_effect(x, x_hat, sigmas=(0.25, 0.5, 1.0))
    loss, full = (line.get_ydata() for line in ax.lines[:2])
    np.testing.assert_allclose(loss[:-1], 4 * loss[1:], rtol=1e-5)  # sigma doubles from one to the next
    scipys = [-norm(x_hat.astype("float64"), sigma).logpdf(x).sum() for sigma in (0.25, 0.5, 1.0)]
    np.testing.assert_allclose(full, scipys, rtol=1e-5, atol=1e-3)
    assert ax.lines[2].get_xdata()[0] == pytest.approx(np.sqrt(np.mean((x - x_hat) ** 2)), rel=1e-5)


@pytest.mark.parametrize("share", [0.03, 0.3, 1.0])
def test_the_best_sigma_is_in_the_picture_however_small_the_error(given, share):
    x, x_hat = given.x[0], (1 - share) * given.x[0] + share * given.x[1]
    ax = plots.plot_sigma_effect(x, x_hat)
    sigma, full = ax.lines[1].get_data()
    assert 0 < full.argmin() < len(sigma) - 1
    assert ax.get_ylim()[0] < full.min()
    assert ax.get_xlim()[0] < ax.lines[2].get_xdata()[0] < ax.get_xlim()[1]


def test_the_code_box_reaches_from_the_least_to_the_greatest_code(given):
    plane, *decoded = plots.plot_code_box(given.vae, given.mean, given.y, n=4)
    whole = given.mean.min(axis=0), given.mean.max(axis=0)
    for frame, ax, ends in zip(plane.patches, decoded, (whole, np.quantile(given.mean, (0.05, 0.95), 0)), strict=True):
        (x0, y0), (x1, y1) = frame.get_bbox().get_points()
        np.testing.assert_allclose([[x0, y0], [x1, y1]], ends, rtol=1e-5)
        np.testing.assert_allclose(ax.images[0].get_extent(), [x0, x1, y0, y1], rtol=1e-5)


def test_nearest_distances_mark_the_median():
    distances = RNG.random(51)
    (ax,) = plots.plot_nearest_distances({"AE": {"samples": distances}})
    assert ax.lines[0].get_xdata()[0] == np.median(distances)


def test_power_laws_compare_with_a_line_of_the_given_slope():
    ax = plots.plot_power_laws([1, 2, 4], {"error": [1, 2, 4]}, [("error", 2)])
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), [2, 2])


def test_histograms_of_draws_count_every_draw():
    ax = plots.plot_draws(DRAWS, GAUSSIANS, {})
    for patch, (_, sigma) in zip(ax.patches, GAUSSIANS, strict=True):
        values, edges, _ = patch.get_data()
        assert np.sum(values * np.diff(edges)) == pytest.approx(1, abs=0.002)  # ±4 σ hold all but 6e-5
        assert np.diff(edges)[0] == pytest.approx(0.1 * sigma)


def test_empirical_cdfs_differ_from_phi_by_chance_alone():
    _, differences = plots.plot_empirical_cdfs(DRAWS, GAUSSIANS, critical=0.03)
    assert all(np.abs(line.get_ydata()).max() < 0.03 for line in differences.lines[:2])
    _, differences = plots.plot_empirical_cdfs(DRAWS + 0.1, GAUSSIANS, critical=0.03)
    assert all(np.abs(line.get_ydata()).max() > 0.03 for line in differences.lines[:2])


def test_latent_planes_count_the_codes_outside_of_the_common_scale():
    codes = np.zeros((10, 2))
    codes[:3] = 5
    (common, _), _ = plots.plot_latent_planes({"one": codes, "two": 0 * codes}, np.arange(10))
    assert "30%" in common.get_title()


def test_aggregate_posteriors_are_densities(given):
    heat, marginal = plots.plot_aggregate_posteriors({"one": (given.mean, given.log_var)}, {"one": 1}, draws=5000)[:, 0]
    inside = np.all(np.abs(given.mean) < 3, axis=1).mean()
    assert 0.8 * inside < heat.images[0].get_array().sum() * 0.1**2 <= 1
    for patch in marginal.patches:
        values, edges, _ = patch.get_data()
        assert 0.8 * inside < np.sum(values * np.diff(edges)) <= 1 + 1e-9


def test_sigma_histograms_are_shares():
    for ax in plots.plot_sigma_histograms({"one": RNG.uniform(0.5, 1, (100, 2)), "two": np.ones((100, 2))}):
        assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1, abs=0.02)


def test_memorizing_draws_the_gap_of_each_run():
    _, gaps = plots.plot_memorizing({"one": [[1, 2], [1, 3]]})
    np.testing.assert_array_equal(gaps.lines[0].get_xdata(), [1, 2])


def test_active_units_stand_out_from_dead_ones():
    ax = plots.plot_unit_variances([1], [np.array([0.5, 1e-4])], [1])
    dead, active = ax.collections[0].get_facecolors()
    assert not np.array_equal(dead, active)
    assert [text.get_text() for text in ax.texts] == ["1 active"]


def test_widths_show_the_narrowest_and_the_widest(given):
    width = np.exp(given.log_var.mean(axis=1))
    _, rows = plots.plot_widths(width, given.x, given.y)
    narrowest, widest = (picture.get_array() for picture in rows.images)
    of_3 = np.flatnonzero(given.y == 3)
    column = slice(28 * 3, 28 * 4)
    np.testing.assert_array_equal(narrowest[:, column], given.x[of_3[width[of_3].argmin()], ..., 0])
    np.testing.assert_array_equal(widest[:, column], given.x[of_3[width[of_3].argmax()], ..., 0])


def test_cells_say_how_many_times_their_share_they_hold():
    shares = np.full((2, 4), 1 / 8)
    shares[1, 0], shares[1, 1] = 2 / 8, 0
    (ax,) = plots.plot_cell_shares({"one": shares})
    times = {text.get_text(): text.get_position() for text in ax.texts}
    assert sorted(text.get_text() for text in ax.texts) == sorted([*["1.0"] * 6, "2.0", "0.0"])
    x, y = times["2.0"]  # the outer ring, the first sector counter-clockwise
    assert x > 0
    assert y > 0
    x, y = times["0.0"]
    assert x < 0
    assert y > 0


def test_the_bells_have_the_digits_mean_width_and_draw(given):
    axes = plots.plot_posterior_bells(given.vae, given.x[0], seed=3)
    sigma = np.exp(given.log_var[0] / 2)
    z = given.mean[0] + sigma * np.random.default_rng(3).standard_normal((1, 2))[0]
    for j, ax in enumerate(axes):
        bell, mu, draw = ax.lines[1:4]
        assert bell.get_ydata().max() == pytest.approx(norm.pdf(0) / sigma[j], rel=1e-3)
        assert mu.get_xdata()[0] == pytest.approx(given.mean[0, j])
        assert draw.get_xdata()[0] == pytest.approx(z[j], rel=1e-5)


def test_a_classifier_frames_the_draws_that_it_reads_as_another_class(given):
    classifier = make_classifier()
    pictures = plots.plot_clouds(given.vae, given.x[:3], classifier, draws=4, cloud=20)[1]
    rows = [picture.get_array().reshape(28, 5, 28).swapaxes(0, 1)[..., None] for picture in pictures.images]
    read = [predicted_classes(classifier, np.asarray(row)) for row in rows]
    assert len(pictures.patches) == sum(np.sum(row != row[0]) for row in read)


def test_a_draw_below_the_picture_of_the_mean_is_its_difference(given):
    *_, pictures = plots.plot_reparameterization(given.vae, given.x[0], draws=3)
    decoded, differences = (picture.get_array() for picture in pictures.images)
    change = decoded.reshape(28, 3, 28).swapaxes(0, 1)[..., None] - given.vae.decode(given.mean[:1])
    np.testing.assert_allclose(differences[:, :28], signed_pictures(change)[0], atol=0.02)
    white = signed_pictures(np.zeros((1, 2, 2, 1)))
    np.testing.assert_allclose(white, 1, atol=0.01)


def test_the_true_posterior_lies_under_the_encoders_ellipse(given):
    shares = np.zeros((1, 9, 9))
    shares[0, 0, 8] = 1.0  # the largest z_1, the smallest z_2
    (ax,) = plots.plot_true_posteriors(given.vae, given.x[:1], shares, reach=4.0)
    heat = ax.images[0]
    assert heat.origin == "lower"
    assert heat.get_extent() == [-4.0, 4.0, -4.0, 4.0]
    (ellipses,) = (found for found in ax.collections if isinstance(found, EllipseCollection))
    np.testing.assert_allclose(ellipses.get_widths(), 4 * np.exp(given.log_var[:1, 0] / 2), rtol=1e-5)


def test_the_stretch_is_drawn_with_z2_upwards():
    stretch = np.zeros((6, 6))
    stretch[-1, 0] = 1  # the largest z2, the smallest z1
    ax = plots.plot_stretch(stretch, np.zeros((6, 6), int), np.zeros((2, 2)), np.array([0, 0]))
    assert ax.images[0].origin == "lower"
    np.testing.assert_array_equal(ax.images[0].get_array(), stretch)


def test_schema_shows_the_image_and_its_reconstruction(given):
    for model in (small_vae(network="conv"), small_autoencoder()):
        before, after = plots.plot_schema(model, given.x[0]).images
        np.testing.assert_array_equal(before.get_array(), given.x[0, ..., 0])
        assert after.get_array().shape == (28, 28)
