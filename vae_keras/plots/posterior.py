"""Pictures of q(z|x) and of draws from it (notebook 02)."""

from collections.abc import Mapping
from typing import Any

import keras
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from scipy.stats import norm

from vae_keras.losses import kl_divergence
from vae_keras.measures import predicted_classes
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
    pictures,
    takes,
)
from vae_keras.plots.digits import (
    cell_size,
    draw_rows,
    inset,
    plot_digit_rows,
    signed_pictures,
)
from vae_keras.plots.latent import DEVIATIONS, draw_ellipses
from vae_keras.plots.style import (
    BLACK,
    BLUE,
    COLOURS,
    HEAT,
    RED,
    axes_or_new,
    class_styles,
    panels_or_new,
    styled,
    title_above,
)

IDLE = 0.1  # nats: a dimension that costs less hardly differs from the prior


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
    for ax, size in ((axes[1], 1.5), (axes[2], 7)):
        ax.scatter(*z.T, s=size, color=BLUE, linewidths=0, alpha=0.6)
        draw_ellipses(ax, mean[None], sigma[None], edgecolors=RED)
    axes[2].plot(*mean, "+", color=RED, markersize=9, markeredgewidth=1.6)
    reach = 2.2 * DEVIATIONS * sigma.max()
    axes[2].set(xlim=mean[0] + reach * np.array([-1, 1]), ylim=mean[1] + reach * np.array([-1, 1]))
    frame = Rectangle(mean - reach, 2 * reach, 2 * reach, fill=False, edgecolor="0.2")
    axes[1].add_patch(frame)
    axes[2].spines[:].set(visible=True, color="0.2")
    axes[2].text(
        0.03,
        0.97,
        f"$\\mu \\pm {DEVIATIONS}\\sigma$",
        transform=axes[2].transAxes,
        color=RED,
        va="top",
    )
    axes[2].text(0.03, 0.03, "draws of $z$", transform=axes[2].transAxes, color=BLUE)
    inset(axes[0], (0.02, 0.74, 0.24, 0.24), image, "NW")
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
        look: dict[str, Any] = {
            "facecolor": (colour, 0.12),
            "edgecolor": (colour, 0.9),
            "linestyle": line,
        }
        draw_ellipses(ax, mean[chosen], np.exp(0.5 * log_var[chosen]), **look)
        ax.fill([], [], label=f"{name}", linewidth=1.2, **look)
    draw_ellipses(ax, np.zeros((1, 2)), np.ones((1, 2)), edgecolors=BLACK, linestyles="--")
    ax.plot([], [], "--", color=BLACK, label="$\\mathcal{N}(0, I)$")
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title, aspect="equal")
    ax.autoscale_view()
    ax.legend(
        title=f"ellipses:\n$\\mu \\pm {DEVIATIONS}\\sigma$",
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

    Below each decoded digit stands its difference from the one that mu decodes to: orange where it
    has more ink, blue where less.

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
    if axes is None:
        _, height = cell_size(vae.image_shape)
        figure = plt.figure(figsize=(9, min(3.6 + 2 * height, 9)))
        places = figure.subplot_mosaic("ez;pp", height_ratios=(3.2, 2 * height + 0.3))
        axes = np.array([places[name] for name in "ezp"], object)
    axes = panels_or_new(axes, 1, 3, figsize=(9, 3.5))[0]
    for ax, points, centre, width in (
        (axes[0], epsilon, np.zeros(2), np.ones(2)),
        (axes[1], z, mean, sigma),
    ):
        ax.scatter(*points.T, s=4, color="0.75", linewidths=0)
        draw_ellipses(ax, centre[None], width[None], edgecolors=BLUE)
        for number, point in enumerate(points[:draws], start=1):
            text = ax.text(*point, number, color=RED, fontsize=9, ha="center", va="center")
            text.set_fontweight("bold")
        ax.set_aspect("equal", adjustable="datalim")
    axes[0].set(
        xlabel="$\\varepsilon_1$",
        ylabel="$\\varepsilon_2$",
        title="$\\varepsilon \\sim \\mathcal{N}(0, I)$",
    )
    axes[1].set(xlabel="$z_1$", ylabel="$z_2$", title="$z = \\mu + \\sigma \\odot \\varepsilon$")
    decoded = vae.decode(z[:draws])
    difference = signed_pictures(decoded - vae.decode(mean[None]))
    rows = {"$\\hat{x} = D_\\theta(z)$": decoded, "$\\hat{x} - D_\\theta(\\mu)$": difference}
    draw_rows(axes[2], rows, draws)
    axes[2].set_xticks(np.arange(draws) + 0.5, range(1, draws + 1), fontweight="bold")
    axes[2].xaxis.tick_top()
    axes[2].set_xlabel("the numbered draws, decoded")
    axes[2].xaxis.set_label_position("top")
    axes[2].tick_params(length=0)
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
    for scale, cmap, label, place in (
        (Normalize(-np.abs(z).max(), np.abs(z).max()), signed, "AE: $z$", 0.7),
        (Normalize(-3, 3), signed, "VAE: $\\mu$", 0.36),
        (Normalize(0, 1), plt.get_cmap(HEAT), "VAE: $\\sigma$", 0.02),
    ):
        bar = ax.inset_axes((1.03, place, 0.02, 0.28))
        ax.figure.colorbar(ScalarMappable(scale, cmap), cax=bar, label=label)
    ax.set(title=title)
    return ax


@styled
@takes(vae=a_planar_vae, draws=at_least_one, cloud=at_least_one)
def plot_clouds(
    vae: VAE,
    images: np.ndarray,
    classifier: keras.Model | None = None,
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
        classifier: frames the draws in which it reads another class than in the image.
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
        text = plane.annotate(name, points.mean(axis=0), ha="center", va="center")
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
    for i, row in enumerate(rows.values()) if classifier is not None else ():
        read = predicted_classes(classifier, row)
        for column in np.flatnonzero(read != read[0]):
            frame = Rectangle((column + 0.05, -i - 0.95), 0.9, 0.9, fill=False, edgecolor=RED)
            pictures.add_patch(frame).set_linewidth(1.6)
    for tick, colour in zip(pictures.get_yticklabels(), COLOURS, strict=False):
        tick.set(color=colour, fontweight="bold")
    title_above(axes, title)
    return axes


@styled
@takes(vae=a_vae, image=one_image("vae"))
def plot_posterior_bells(
    vae: VAE,
    image: np.ndarray,
    seed: int = 0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Bell curves of one digit's q(z|x), one for each latent dimension, with the draw of z.

    Row L17. The draw is that of `plot_schema` with the same seed.

    Args:
        vae: a `VAE`; its first four latent dimensions are drawn.
        image: `(height, width, channels)`.
        seed: of epsilon.
        title: of the figure.
        axes: one Matplotlib axes for each dimension, or None for a new figure.

    Returns:
        The axes.
    """
    (mean,), (log_var,) = vae.encode(image[None])
    sigma = np.exp(0.5 * log_var)
    z = mean + sigma * np.random.default_rng(seed).standard_normal((1, len(mean)))[0]
    axes = panels_or_new(axes, 1, min(len(mean), 4), figsize=(9, 2.5))[0]
    for j, ax in enumerate(axes):
        near = mean[j] + sigma[j] * np.linspace(-4, 4, 200)
        line = np.sort(np.append(np.linspace(-3, 3, 300), near))
        density = norm.pdf(line, mean[j], sigma[j])
        ax.plot(line, norm.pdf(line), color="0.5", linestyle=":", label="prior")
        ax.fill_between(line, density, color=BLUE, alpha=0.35, linewidth=0)
        ax.plot(line, density, color=BLUE, label="$q_\\phi(z_j|x)$")
        ax.axvline(mean[j], color=BLUE, linewidth=1, linestyle="--", label="$\\mu_j$")
        ax.axvline(z[j], color=RED, linewidth=1.5, label="the draw $z_j$")
        ax.set(
            xlabel=f"$z_{j + 1}$",
            ylabel="density",
            title=f"$\\mu_{j + 1} = {mean[j]:.2g}$, $\\sigma_{j + 1} = {sigma[j]:.2g}$, "
            f"draw ${z[j]:.2g}$",
        )
        ax.set_ylim(bottom=0)
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
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
    width, used = 0.8 / len(vaes), 0
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
        used = max(used, int(np.count_nonzero(kl >= IDLE)))
    if used < len(kl) - 3:  # else there is no room
        room: dict[str, Any] = {"color": "0.3", "ha": "center", "va": "bottom"}
        what = f"below {IDLE} nats: the prior's noise"
        ax.annotate(what, ((used + 1 + len(kl)) / 2, 0), (0, 6), textcoords="offset points", **room)
    ax.set_xlim(0.4, len(kl) + 0.6)
    ax.set(xlabel="latent dimension, ordered by its KL", ylabel="KL in nats per image", title=title)
    ax.legend()
    return ax


@styled
@takes(width=numbers, x=pictures, labels=labels_of("width"))
def plot_widths(
    width: np.ndarray,
    x: np.ndarray,
    labels: np.ndarray,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Dots of the width of q(z|x), image by image and class by class, and each class's narrowest
    and widest image (row L25).

    Args:
        width: `(n,)` of each image's q(z|x).
        x: images `(n, height, width, channels)`.
        labels: `(n,)` classes.
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: widths, images.
    """
    styles = class_styles(labels)
    cell, _ = cell_size(np.shape(x)[1:])
    size = (max(cell * len(styles) + 1.3, 5), 4.6)
    axes = panels_or_new(axes, 2, 1, figsize=size, height_ratios=(1.9, 1))[:, 0]
    dots, rows = axes
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(width))
    ends: dict[str, list] = {"narrowest": [], "widest": []}
    for place, (name, style) in enumerate(styles.items()):
        chosen = np.flatnonzero(labels == name)
        look = {"s": 5, "color": style.colour, "linewidths": 0}
        dots.scatter(place + 0.5 + jitter[chosen], width[chosen], **look)
        ends["narrowest"].append(x[chosen[np.argmin(width[chosen])]])
        ends["widest"].append(x[chosen[np.argmax(width[chosen])]])
    dots.set_xticks(np.arange(len(styles)) + 0.5, list(styles))
    dots.set(xlim=(0, len(styles)), ylabel="width of $q_\\phi(z|x)$", xlabel="class")
    plot_digit_rows({name: np.stack(images) for name, images in ends.items()}, ax=rows)
    title_above(axes, title)
    return axes


def _spread(points, n):
    """Order points so that the first n, none an outlier, lie far apart, their numbers legible."""
    order = [int(np.argmin(np.linalg.norm(points, axis=1)))]
    inside = np.linalg.norm(points, axis=1) < 2.2
    for _ in range(n - 1):
        gap = np.linalg.norm(points[:, None] - points[order], axis=-1).min(axis=1)
        order.append(int(np.argmax(gap * inside)))
    return [*order, *np.setdiff1d(np.arange(len(points)), order)]


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
