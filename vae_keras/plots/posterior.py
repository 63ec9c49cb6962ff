"""Pictures of q(z|x), of draws from it, and of its KL divergence to the prior (notebook 02)."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FuncFormatter

from vae_keras.losses import kl_divergence, reconstruction_loss
from vae_keras.models import VAE, Autoencoder
from vae_keras.plots.arguments import (
    a_planar_autoencoder,
    a_planar_vae,
    a_vae,
    an_autoencoder,
    at_least_one,
    codes_2d,
    each,
    labels_of,
    numbers,
    one_image,
    takes,
)
from vae_keras.plots.digits import as_picture, cell_size, draw_rows, plot_digit_rows, show
from vae_keras.plots.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    HEAT,
    ORANGE,
    RED,
    axes_or_new,
    class_styles,
    panels_or_new,
    styled,
    title_above,
)

DEVIATIONS = 2  # an ellipse is drawn at mu ± 2 sigma along each axis


@styled
@takes(
    autoencoder=a_planar_autoencoder, vae=a_planar_vae, image=one_image("vae"), draws=at_least_one
)
def plot_point_and_distribution(
    autoencoder: Autoencoder,
    vae: VAE,
    x: np.ndarray,
    image: np.ndarray,
    draws: int = 300,
    seed: int = 0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """One digit among the codes of many: a point for the autoencoder, a cloud of draws for the VAE.

    Row L08.

    Args:
        autoencoder, vae: with 2-d latent spaces.
        x: images whose codes are shown in grey, `(n, height, width, channels)`.
        image: the digit, `(height, width, channels)`.
        draws: of z from the digit's q(z|x).
        seed: of the draws.
        title: of the figure.
        axes: three Matplotlib axes, or None for a new figure.

    Returns:
        The three axes: the autoencoder's plane, the VAE's plane, the latter near the digit.
    """
    codes = autoencoder.encode(x), vae.encode(x)[0]
    code = autoencoder.encode(image[None])[0]
    (mean,), (log_var,) = vae.encode(image[None])
    sigma = np.exp(0.5 * log_var)
    z = mean + sigma * np.random.default_rng(seed).standard_normal((draws, 2))

    axes = panels_or_new(axes, 1, 3, figsize=(9, 3.3))[0]
    for ax, grey in zip(axes, (codes[0], codes[1], codes[1]), strict=True):
        ax.scatter(*grey.T, s=2, color="0.8", linewidths=0, rasterized=True)
        ax.set(xlabel="$z_1$", ylabel="$z_2$")
    axes[0].plot(*code, "o", color=RED, markersize=6)
    axes[0].set_title("autoencoder: $z = E_\\phi(x)$")
    axes[1].set_title("VAE: $q_\\phi(z|x)$")
    axes[2].set_title("VAE, near this image")
    for ax, size in ((axes[1], 1), (axes[2], 7)):
        ax.scatter(*z.T, s=size, color=BLUE, linewidths=0, alpha=0.6)
        _ellipses(ax, mean[None], sigma[None], edgecolors=RED)
    axes[2].plot(*mean, "+", color=RED, markersize=9, markeredgewidth=1.6)
    reach = 2.2 * DEVIATIONS * sigma.max()
    axes[2].set(xlim=mean[0] + reach * np.array([-1, 1]), ylim=mean[1] + reach * np.array([-1, 1]))
    axes[2].text(
        0.03,
        0.97,
        f"$\\mu \\pm {DEVIATIONS}\\sigma$",
        transform=axes[2].transAxes,
        color=RED,
        va="top",
    )
    axes[2].text(0.03, 0.03, "draws of $z$", transform=axes[2].transAxes, color=BLUE)
    _inset(axes[0], (0.02, 0.74, 0.24, 0.24), image, "NW")
    title_above(axes, title)
    return axes


@styled
@takes(mean=codes_2d, log_var=codes_2d, labels=labels_of("mean"))
def plot_posteriors(
    mean: np.ndarray,
    log_var: np.ndarray,
    labels: np.ndarray,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Ellipses in the latent plane: each q(z|x) at mu ± 2 sigma, coloured by class, and the prior's
    (row L09).

    Args:
        mean, log_var: `(n, 2)` of q(z|x).
        labels: `(n,)` classes, numbers or texts.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (5.6, 4.8))
    styles = class_styles(labels)
    for name, (colour, _, line) in styles.items():
        chosen = labels == name
        look: dict[str, Any] = {"edgecolor": colour, "linestyle": line, "alpha": 0.45}
        _ellipses(ax, mean[chosen], np.exp(0.5 * log_var[chosen]), facecolors=colour, **look)
        ax.fill([], [], facecolor=colour, label=f"{name}", linewidth=1.2, **look)
    _ellipses(ax, np.zeros((1, 2)), np.ones((1, 2)), edgecolors=BLACK, linestyles="--")
    ax.plot([], [], "--", color=BLACK, label="prior")
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title, aspect="equal")
    ax.autoscale_view()
    ax.legend(
        title=f"$\\mu \\pm {DEVIATIONS}\\sigma$",
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        ncols=-(-len(styles) // 14),
    )
    return ax


@styled
@takes(vae=a_planar_vae, image=one_image("vae"), draws=at_least_one)
def plot_reparameterization(
    vae: VAE,
    image: np.ndarray,
    draws: int = 12,
    seed: int = 0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """The same numbered draws for one digit in three places: as epsilon, as z, and as decoded
    digits (row L14).

    Args:
        vae: with a 2-d latent space.
        image: `(height, width, channels)`.
        draws: numbered draws, picked far apart from a cloud of a few hundred.
        seed: of the draws.
        title: of the figure.
        axes: three Matplotlib axes, or None for a new figure.

    Returns:
        The three axes.
    """
    (mean,), (log_var,) = vae.encode(image[None])
    sigma = np.exp(0.5 * log_var)
    epsilon = np.random.default_rng(seed).standard_normal((400, 2))
    epsilon = epsilon[_spread(epsilon, draws)]
    z = mean + sigma * epsilon

    axes = panels_or_new(axes, 1, 3, figsize=(9, 3.5), width_ratios=(1, 1, 0.95))[0]
    for ax, points, centre, width in (
        (axes[0], epsilon, np.zeros(2), np.ones(2)),
        (axes[1], z, mean, sigma),
    ):
        ax.scatter(*points.T, s=4, color="0.75", linewidths=0)
        _ellipses(ax, centre[None], width[None], edgecolors=BLUE)
        for number, point in enumerate(points[:draws], start=1):
            ax.text(
                *point, number, color=RED, fontsize=9, fontweight="bold", ha="center", va="center"
            )
    axes[0].set(
        xlabel="$\\varepsilon_1$",
        ylabel="$\\varepsilon_2$",
        title="$\\varepsilon \\sim \\mathcal{N}(0, I)$",
    )
    axes[1].set(xlabel="$z_1$", ylabel="$z_2$", title="$z = \\mu + \\sigma \\odot \\varepsilon$")
    axes[0].set_aspect("equal")
    axes[1].locator_params(nbins=5)
    axes[2].set_title("$\\hat{x} = D_\\theta(z)$")
    _numbered_pictures(axes[2], vae.decode(z[:draws]), columns=4)
    title_above(axes, title)
    return axes


@styled
@takes(autoencoder=an_autoencoder, vae=a_vae)
def plot_compression(
    autoencoder: Autoencoder,
    vae: VAE,
    images: np.ndarray,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Rows of digits, of their codes and of their reconstructions: an autoencoder's above a VAE's.

    Row L15.

    A code is drawn as a tile of coloured squares, one for each latent dimension.

    Args:
        autoencoder, vae: with latent spaces of the same dimension.
        images: `(n, height, width, channels)`.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    z, (mean, log_var) = autoencoder.encode(images), vae.encode(images)
    shape = vae.image_shape
    width, height = cell_size(shape)
    ax = axes_or_new(ax, (width * len(images) + 2.6, max(6 * height + 0.68, 3.2)))
    signed = plt.get_cmap("RdBu_r")
    rows = {
        "$x$": np.asarray(images),
        "AE: $z$": _tiles(z, shape, signed, Normalize(-np.abs(z).max(), np.abs(z).max())),
        "AE: $x'$": autoencoder.reconstruct(images),
        "VAE: $\\mu$": _tiles(mean, shape, signed, Normalize(-3, 3)),
        "VAE: $\\sigma$": _tiles(np.exp(0.5 * log_var), shape, plt.get_cmap(HEAT), Normalize(0, 1)),
        "VAE: $\\hat{x}$": vae.decode(mean),
    }
    draw_rows(ax, rows, len(images))
    for norm, cmap, label, place in (
        (Normalize(-np.abs(z).max(), np.abs(z).max()), signed, "AE: $z$", 0.7),
        (Normalize(-3, 3), signed, "VAE: $\\mu$", 0.36),
        (Normalize(0, 1), plt.get_cmap(HEAT), "VAE: $\\sigma$", 0.02),
    ):
        bar = ax.inset_axes((1.03, place, 0.02, 0.28))
        ax.figure.colorbar(ScalarMappable(norm, cmap), cax=bar, label=label)
    ax.set(title=title)
    return ax


@styled
@takes(vae=a_planar_vae, draws=at_least_one, cloud=at_least_one)
def plot_clouds(
    vae: VAE,
    images: np.ndarray,
    draws: int = 10,
    cloud: int = 300,
    seed: int = 0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Clouds of draws z ~ q(z|x) of a few digits in the plane, and rows of what some of them decode
    to (row L16).

    Args:
        vae: with a 2-d latent space.
        images: `(n, height, width, channels)`, n at most 8.
        draws: decoded for each digit.
        cloud: draws shown in the plane for each digit.
        seed: of the draws.
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: the plane, the images.
    """
    mean, log_var = vae.encode(images)
    noise = np.random.default_rng(seed).standard_normal((len(images), cloud, 2))
    z = mean[:, None] + np.exp(0.5 * log_var)[:, None] * noise  # (n, cloud, 2)
    height = 0.62 * len(images) * max(1, vae.image_shape[0] / vae.image_shape[1]) + 0.7
    axes = panels_or_new(axes, 1, 2, figsize=(9, min(height, 9)), width_ratios=(1, 1.9))[0]
    plane, pictures = axes
    for name, points, colour in zip("ABCDEFGH", z, COLOURS, strict=False):
        plane.scatter(*points.T, s=3, color=colour, linewidths=0, alpha=0.6)
        text = plane.annotate(name, points.mean(axis=0), (8, 6), textcoords="offset points")
        text.set(color=colour, fontsize=12, fontweight="bold")
        text.set_path_effects([effects.withStroke(linewidth=3, foreground="white")])
    plane.set(xlabel="$z_1$", ylabel="$z_2$", title="clouds of $z \\sim q_\\phi(z|x)$")
    decoded = vae.decode(z[:, :draws].reshape(-1, 2)).reshape(len(images), draws, *vae.image_shape)
    rows = {
        name: np.concatenate([[image], row])
        for name, image, row in zip("ABCDEFGH", images, decoded, strict=False)
    }
    plot_digit_rows(rows, ["$x$", *([""] * (draws // 2)), "$\\hat{x}$ of draws"], ax=pictures)
    pictures.axvline(1, color="0.3", linewidth=1.2)
    for tick, colour in zip(pictures.get_yticklabels(), COLOURS, strict=False):
        tick.set(color=colour, fontweight="bold")
    title_above(axes, title)
    return axes


@styled
@takes(vaes=each(a_vae))
def plot_kl_per_dimension(
    vaes: Mapping[str, VAE], x: np.ndarray, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """Bars: KL(q(z|x) ‖ N(0, I)) of each latent dimension, a mean over images, the largest first.

    Row L11.

    Args:
        vaes: name → `VAE`.
        x: images `(n, height, width, channels)`.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (8, 2.8))
    width = 0.8 / len(vaes)
    for i, ((name, vae), colour) in enumerate(zip(vaes.items(), COLOURS, strict=False)):
        columns = zip(*(np.moveaxis(head, 1, 0)[..., None] for head in vae.encode(x)), strict=True)
        kl = np.sort([float(np.mean(kl_divergence(*column))) for column in columns])[::-1]
        ax.bar(
            np.arange(1, len(kl) + 1) + (i - (len(vaes) - 1) / 2) * width,
            kl,
            width,
            color=colour,
            label=name,
        )
    ax.set(xlabel="latent dimension, ordered by its KL", ylabel="KL in nats per image", title=title)
    ax.legend()
    return ax


@styled
@takes(x=one_image(), x_hat=one_image("x"), sigmas=numbers)
def plot_sigma_effect(
    x: np.ndarray,
    x_hat: np.ndarray,
    sigmas: Sequence[float] = (0.125, 0.25, 0.5, 1.0, 2.0),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curve of the reconstruction loss of one pair of images against sigma, on two logarithmic axes
    (row L18).

    Args:
        x, x_hat: `(height, width, channels)`, shown in the picture.
        sigmas: where the loss is marked.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (4.5, 3.4))
    losses = [float(reconstruction_loss(x[None], x_hat[None], sigma)[0]) for sigma in sigmas]
    ax.loglog(sigmas, losses, "o-", color=BLUE, base=2)
    for sigma, loss in zip(sigmas, losses, strict=True):
        ax.annotate(f"{loss:.3g}", (sigma, loss), (5, 3), textcoords="offset points", color=BLUE)
    ax.set_xticks(sigmas, [f"{sigma:g}" for sigma in sigmas])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.minorticks_off()
    ax.margins(x=0.2, y=0.12)
    ax.set(xlabel="$\\sigma$ of a pixel", ylabel="reconstruction loss in nats", title=title)
    for left, image, name in ((0.02, x, "$x$"), (0.2, x_hat, "$\\hat{x}$")):
        _inset(ax, (left, 0.04, 0.17, 0.23), image, "SW").set_title(name, fontsize=9, pad=2)
    return ax


@styled
@takes(losses=numbers)
def plot_loss_histogram(
    losses: np.ndarray,
    constant: Mapping[str, float],
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Histogram of a VAE's loss over draws of epsilon, beside a loss that does not depend on a draw
    (row L19).

    Args:
        losses: `(draws,)`, of one digit.
        constant: name → the same loss of a deterministic reconstruction.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (4.5, 3.4))
    losses = np.asarray(losses)
    ax.hist(
        losses,
        bins=40,
        color=BLUE,
        alpha=0.7,
        label=f"VAE, {len(losses):,} draws of $\\varepsilon$",
    )
    ax.axvline(losses.mean(), color=BLUE, linestyle="--", label="their mean")
    for (name, value), colour in zip(constant.items(), (ORANGE, GREEN), strict=False):
        ax.axvline(value, color=colour, linewidth=2, label=name)
    ax.set(xlabel="reconstruction loss in nats", ylabel="number of draws", title=title)
    ax.set_ylim(top=1.5 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper right", fontsize="small")
    return ax


@styled
def plot_kl_landscape(title: str | None = None, axes: np.ndarray | None = None) -> np.ndarray:
    """Heat map of KL(N(mu, sigma²) ‖ N(0, 1)) over mu and sigma, and curves along two lines in it.

    Row L20.

    Args:
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: landscape, lines.
    """
    axes = panels_or_new(axes, 1, 2, figsize=(9, 3.6), width_ratios=(1.25, 1))[0]
    plane, lines = axes
    mu, sigma = np.linspace(-3, 3, 241), np.linspace(0.02, 3, 240)

    def kl(mean, deviation):
        mean, log_var = np.broadcast_arrays(mean, 2 * np.log(deviation))
        return np.reshape(kl_divergence(mean.reshape(-1, 1), log_var.reshape(-1, 1)), mean.shape)

    levels = np.array([0.01, 0.03, 0.1, 0.3, 1, 3, 10])
    values = np.maximum(kl(mu[None, :], sigma[:, None]), levels[0])
    shades = plane.contourf(
        mu, sigma, values, np.geomspace(0.01, 10, 61), norm=LogNorm(0.01, 10), cmap=HEAT
    )
    drawn = plane.contour(mu, sigma, values, levels[2:-1], colors="white", linewidths=0.7)
    plane.clabel(drawn, fmt="%g", fontsize=8)
    plane.plot(0, 1, "*", color=RED, markersize=13, markeredgecolor="white")
    bar = plane.figure.colorbar(shades, ax=plane, ticks=levels, label="KL in nats")
    bar.ax.set_yticklabels([f"{level:g}" for level in levels])
    plane.set(
        xlabel="$\\mu$",
        ylabel="$\\sigma$",
        ylim=(0, 3),
        title="star: the minimum, 0 at $\\mu = 0$, $\\sigma = 1$",
    )

    lines.plot(sigma, kl(np.zeros(1), sigma), color=BLUE, label="along $\\sigma$, at $\\mu = 0$")
    lines.plot(mu, kl(mu, np.ones(1)), color=ORANGE, label="along $\\mu$, at $\\sigma = 1$")
    lines.plot([0, 1], [0, 0], "*", color=RED, markersize=10, clip_on=False)
    lines.set(
        xlabel="$\\mu$ or $\\sigma$",
        ylabel="KL in nats",
        ylim=(0, 5),
        title="two lines through the minimum",
    )
    lines.legend(loc="upper center")
    title_above(axes, title)
    return axes


@styled
@takes(vae=a_vae, columns=at_least_one)
def plot_widths(
    vae: VAE,
    x: np.ndarray,
    columns: int = 12,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Histogram of the width of q(z|x) over images, and rows of the images where it is narrowest
    and widest (row L25).

    Width is the geometric mean of sigma over the latent dimensions.

    Args:
        vae: a `VAE`.
        x: images `(n, height, width, channels)`.
        columns: images shown of each kind.
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: histogram, images.
    """
    width = np.exp(0.5 * np.mean(vae.encode(x)[1], axis=1))
    order = np.argsort(width)
    narrow, wide = order[:columns], order[-columns:][::-1]
    height = np.clip(2.6 * vae.image_shape[0] / vae.image_shape[1], 2.6, 6)
    axes = panels_or_new(axes, 1, 2, figsize=(9, height), width_ratios=(1, 2.3))[0]
    histogram, pictures = axes
    histogram.hist(width, bins=40, color="0.7")
    for chosen, colour in ((narrow, BLUE), (wide, ORANGE)):
        histogram.plot(
            width[chosen], np.zeros(columns), "|", color=colour, markersize=14, markeredgewidth=2
        )
    histogram.set(xlabel="geometric mean of $\\sigma_\\phi(x)$", ylabel="number of images")
    rows = {
        "narrowest": x[narrow],
        "their $\\hat{x}$": vae.reconstruct(x[narrow]),
        "widest": x[wide],
        "their $\\hat{x}$ ": vae.reconstruct(x[wide]),  # the blank keeps it a name of its own
    }
    plot_digit_rows(rows, ax=pictures)
    for tick, colour in zip(pictures.get_yticklabels(), (BLUE, BLUE, ORANGE, ORANGE), strict=True):
        tick.set_color(colour)
    title_above(axes, title)
    return axes


def _ellipses(ax, mean, sigma, **options):
    """One ellipse at mean ± DEVIATIONS · sigma for each row."""
    size = 2 * DEVIATIONS * sigma
    options = {"facecolors": "none", "linewidths": 1.2, **options}
    widths, heights = size.T
    ellipses = EllipseCollection(
        widths,
        heights,
        np.zeros(len(mean)),
        units="xy",
        offsets=mean,
        offset_transform=ax.transData,
        **options,
    )
    ax.add_collection(ellipses)
    ax.update_datalim(np.concatenate([mean - size / 2, mean + size / 2]))


def _spread(points, n):
    """Order points so that the first n, none an outlier, lie far apart, their numbers legible."""
    order = [int(np.argmin(np.linalg.norm(points, axis=1)))]
    inside = np.linalg.norm(points, axis=1) < 2.2
    for _ in range(n - 1):
        gap = np.linalg.norm(points[:, None] - points[order], axis=-1).min(axis=1)
        order.append(int(np.argmax(gap * inside)))
    return [*order, *np.setdiff1d(np.arange(len(points)), order)]


def _inset(ax, box, image, anchor):
    """An image in a frame, in a part of the axes."""
    inset = ax.inset_axes(box)
    show(inset, as_picture(image))
    inset.set(xticks=[], yticks=[], anchor=anchor)
    inset.spines[:].set(visible=True, color="0.6")
    return inset


def _tiles(codes, shape, cmap, norm):
    """Codes `(n, latent)` → pictures in colour: squares, filled row by row, with a white margin.

    Pictures have the proportions of an image (height, width, channels), not its pixels.
    """
    latent = codes.shape[1]
    height, width = (-(-120 // min(shape[:2])) * side for side in shape[:2])
    columns = min(latent, int(np.ceil(np.sqrt(latent * width / height))))
    rows = -(-latent // columns)
    size = int(0.86 * min(height / rows, width / columns))
    pictures = np.ones((len(codes), height, width, 3))
    top, left = (height - size * rows) // 2, (width - size * columns) // 2
    for j in range(latent):
        y, x = top + size * (j // columns), left + size * (j % columns)
        pictures[:, y : y + size, x : x + size] = cmap(norm(codes[:, j]))[:, None, None, :3]
    return pictures


def _numbered_pictures(ax, images, columns):
    height, width = images.shape[1:3]
    room = 0.21 * max(height, width)  # for the number above
    rows = -(-len(images) // columns)
    for number, picture in enumerate(as_picture(images)):
        left, top = width * (number % columns), (height + room) * (number // columns)
        box = (left, left + width, top + room + height, top + room)
        show(ax, picture, extent=box)
        middle = (left + width / 2, top + room / 2)
        text = ax.text(*middle, number + 1, color=RED, fontsize=9, ha="center", va="center")
        text.set_fontweight("bold")
    ax.set(
        xlim=(0, width * columns),
        ylim=((height + room) * rows, 0),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    ax.spines[:].set_visible(False)
