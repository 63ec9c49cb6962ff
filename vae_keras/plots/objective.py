"""Pictures of the objective: its two terms, and the model that it comes from (notebook 02)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle, FancyArrowPatch
from scipy.stats import norm

from vae_keras.losses import kl_divergence, reconstruction_loss
from vae_keras.models import VAE
from vae_keras.plots.arguments import a_planar_vae, numbers, one_image, or_none, pictures, takes
from vae_keras.plots.digits import inset
from vae_keras.plots.latent import DEVIATIONS, draw_ellipses
from vae_keras.plots.style import (
    BLUE,
    GREEN,
    HEAT,
    ORANGE,
    RED,
    axes_or_new,
    panels_or_new,
    styled,
    title_above,
)

KL_PICTURES: tuple[
    tuple[str, list, list], ...
] = (  # of the slides: title, (mu, sigma) of each q, where arrows lead
    ("KL attracts q\nto the unit normal", [(1.7, 0.45)], [(0.6, 0.75)]),
    ("reconstruction moves it\nto describe the input", [(1.7, 0.45)], [(2.4, 0.3)]),
    ("the cheat: so narrow\nthat it is one value", [(-1.6, 0.05), (0.3, 0.05), (1.9, 0.05)], []),
    ("KL: towards zero mean\n∂KL/∂μ = μ", [(1.7, 0.8)], [(0.3, 0.8)]),
    ("KL: enough variance\n∂KL/∂σ = σ − 1/σ", [(0.0, 0.3)], [(0.0, 0.8)]),
)


@styled
@takes(x=one_image(), x_hat=one_image("x"), sigmas=or_none(numbers))
def plot_sigma_effect(
    x: np.ndarray,
    x_hat: np.ndarray,
    sigmas: Sequence[float] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curves over sigma for one pair of images: the reconstruction loss, and −log N(x; x̂, σ²I),
    which has its minimum at the pixels' root mean square error (row L18).

    Args:
        x, x_hat: `(height, width, channels)`, shown in the picture.
        sigmas: where both are computed; None takes a third of the root mean square error to 2.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6.5, 3.6))
    square = 2 * float(reconstruction_loss(x[None], x_hat[None])[0])  # ‖x − x̂‖²
    error = math.sqrt(square / x.size)
    grid = np.geomspace(max(error, 0.01) / 3, 2, 200) if sigmas is None else sigmas
    widths = np.asarray(grid, "float64")
    loss = square / (2 * widths**2)
    dropped = 0.5 * x.size * np.log(2 * np.pi * widths**2)
    ax.plot(widths, loss, color=BLUE, label="the slide's $\\|x - \\hat{x}\\|^2 / (2\\sigma^2)$")
    full = "$-\\log\\,\\mathcal{N}(x;\\ \\hat{x},\\ \\sigma^2 I)$, nothing left out"
    ax.plot(widths, loss + dropped, color=ORANGE, label=full)
    ax.axvline(error, color="0.5", linestyle=":")
    low, high = (loss + dropped).min(), loss.max()
    room: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "top"}
    ax.annotate(
        f"root mean square error\nof a pixel: {error:.2f}", (error, high), color="0.3", **room
    )
    ax.set_xscale("log")
    ticks = [sigma for sigma in (0.1, 0.2, 0.5, 1, 2) if widths[0] <= sigma <= widths[-1]]
    ax.set_xticks(ticks, [f"{sigma:g}" for sigma in ticks])
    ax.minorticks_off()
    room_beyond = 0.05 * (high - low)
    ax.set(ylim=(low - room_beyond, high + room_beyond))
    ax.set(xlabel="$\\sigma$ of a pixel", ylabel="nats", title=title)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    for left, image, name in ((1.03, x, "$x$"), (1.28, x_hat, "$\\hat{x}$")):
        inset(ax, (left, 0.05, 0.22, 0.38), image, "SW").set_title(name, pad=2)
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
    ax = axes_or_new(ax, (7.5, 3.2))
    losses = np.asarray(losses)
    draws = f"VAE, {len(losses):,} draws of $\\varepsilon$"
    ax.hist(losses, bins=40, color=BLUE, alpha=0.7, label=draws)
    ax.axvline(losses.mean(), color=BLUE, linestyle="--", label=f"their mean, {losses.mean():.2f}")
    for (name, value), colour in zip(constant.items(), (ORANGE, GREEN), strict=False):
        ax.axvline(value, color=colour, linewidth=2, label=f"{name}, {value:.2f}")
    ax.set(xlabel="reconstruction loss in nats", ylabel="number of draws", title=title)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@styled
def plot_kl_pictures(title: str | None = None, axes: np.ndarray | None = None) -> np.ndarray:
    """Five densities q beside the prior in one dimension, with arrows where each term moves them.

    Row L20, the slides' pictures.

    Args:
        title: of the figure.
        axes: five Matplotlib axes, or None for a new figure.

    Returns:
        The five axes.
    """
    axes = panels_or_new(axes, 1, len(KL_PICTURES), figsize=(10, 2.4), sharey=True)[0]
    z = np.linspace(-3, 3, 1201)
    for ax, (name, gaussians, arrows) in zip(axes, KL_PICTURES, strict=True):
        ax.plot(z, norm.pdf(z), color="0.5", linestyle="--")
        for mu, sigma in gaussians:
            density = norm.pdf(z, mu, sigma)
            ax.fill_between(z, density, color=BLUE, alpha=0.35, linewidth=0)
            ax.plot(z, density, color=BLUE)
        for (mu, sigma), (to_mu, to_sigma) in zip(gaussians, arrows, strict=False):
            ax.plot(z, norm.pdf(z, to_mu, to_sigma), color=RED, linewidth=1)
            if to_mu != mu:
                height = 0.55 * norm.pdf(0, 0, max(sigma, to_sigma))
                arrow = FancyArrowPatch((mu, height), (to_mu, height), mutation_scale=14, color=RED)
                ax.add_patch(arrow).set(arrowstyle="-|>", linewidth=1.8)
            else:
                for side in (-1, 1):
                    ends = ((side * sigma, 0.3), (side * 1.6 * to_sigma, 0.3))
                    arrow = FancyArrowPatch(*ends, mutation_scale=14, color=RED)
                    ax.add_patch(arrow).set(arrowstyle="-|>", linewidth=1.8)
        ax.set(xlim=(-3, 3), ylim=(0, 1.5), xticks=(-2, 0, 2), yticks=[], xlabel="$z$")
        ax.set_title(name, fontsize=9)
        ax.spines["left"].set_visible(False)
    axes[0].text(-2.9, 0.3, "prior", color="0.4", fontsize=9)
    axes[0].text(1.75, 0.95, "$q$", color=BLUE)
    title_above(axes, title)
    return axes


@styled
def plot_kl_landscape(title: str | None = None, axes: np.ndarray | None = None) -> np.ndarray:
    """Heat map of KL(N(mu, sigma²) ‖ N(0, 1)) over mu and sigma, and curves along two lines in it.

    Row L20.

    Args:
        title: of the figure.
        axes: three Matplotlib axes, or None for a new figure.

    Returns:
        The three axes: landscape, along mu, along sigma.
    """
    axes = panels_or_new(axes, 1, 3, figsize=(9.6, 3.2), width_ratios=(1.5, 1, 1))[0]
    land, along_mu, along_sigma = axes
    mu, sigma = np.linspace(-3, 3, 241), np.linspace(0.02, 3, 240)

    def kl(mean, deviation):
        mean, log_var = np.broadcast_arrays(mean, 2 * np.log(deviation))
        return np.reshape(kl_divergence(mean.reshape(-1, 1), log_var.reshape(-1, 1)), mean.shape)

    levels = np.array([0.01, 0.03, 0.1, 0.3, 1, 3, 10])
    values = np.maximum(kl(mu[None, :], sigma[:, None]), levels[0])
    steps, colours = np.geomspace(0.01, 10, 61), {"norm": LogNorm(0.01, 10), "cmap": HEAT}
    shades = land.contourf(mu, sigma, values, steps, **colours)
    drawn = land.contour(mu, sigma, values, levels[2:-1], colors="white", linewidths=0.7)
    land.clabel(drawn, levels[2:-2], fmt="%g", fontsize=8)  # the outermost runs along the frame
    land.plot(0, 1, "*", color=RED, markersize=13, markeredgecolor="white")
    bar = land.figure.colorbar(shades, ax=land, ticks=levels, label="KL in nats")
    bar.ax.set_yticklabels([f"{level:g}" for level in levels])
    land.set(xlabel="$\\mu$", ylabel="$\\sigma$", ylim=(0, 3), title="star: KL = 0")
    for ax, symbol, line, values, at in (
        (along_mu, "\\mu", mu, kl(mu, np.ones(1)), 0),
        (along_sigma, "\\sigma", sigma, kl(np.zeros(1), sigma), 1),
    ):
        ax.plot(line, values, color=BLUE)
        ax.plot(at, 0, "*", color=RED, markersize=11, clip_on=False)
        other = "\\sigma = 1" if symbol == "\\mu" else "\\mu = 0"
        ax.set(
            xlabel=f"${symbol}$",
            ylabel="KL",
            ylim=(0, 4.5),
            title=f"along ${symbol}$, at ${other}$",
        )
    title_above(axes, title)
    return axes


@styled
def plot_generative_model(title: str | None = None, ax: Axes | None = None) -> Axes:
    """Graph of the model: the prior draws z, the decoder draws x from it, the encoder guesses z
    back (row B01).

    Args:
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (7, 2.5))
    for x, name, what in ((0, "$z$", "never seen"), (4, "$x$", "seen")):
        ax.add_patch(Circle((x, 0), 0.5, facecolor="white" if x == 0 else "0.88", edgecolor="0.2"))
        ax.text(x, 0, name, fontsize=16, ha="center", va="center")
        ax.text(x, -0.72, what, fontsize=9, color="0.3", ha="center", va="top")
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 16, "linewidth": 1.6}
    ax.add_patch(FancyArrowPatch((-2.2, 0), (-0.55, 0), color=BLUE, **arrow))
    bend: dict[str, Any] = {"connectionstyle": "arc3,rad=-0.28"}
    ax.add_patch(FancyArrowPatch((0.45, 0.25), (3.55, 0.25), color=BLUE, **bend, **arrow))
    back: dict[str, Any] = {**arrow, "linestyle": "--"}
    ax.add_patch(FancyArrowPatch((3.55, -0.25), (0.45, -0.25), color=RED, **bend, **back))
    centre: dict[str, Any] = {"ha": "center", "va": "center"}
    ax.text(-1.45, 0.32, "prior\n$p(z) = \\mathcal{N}(0, I)$", color=BLUE, va="bottom", ha="center")
    decoder = "decoder  $p_\\theta(x|z) = \\mathcal{N}(x;\\ D_\\theta(z),\\ \\sigma^2 I)$"
    ax.text(2, 1.05, decoder, color=BLUE, **centre)
    encoder = "encoder  $q_\\phi(z|x)$, in place of the posterior $p_\\theta(z|x)$"
    ax.text(2, -1.1, encoder, color=RED, **centre)
    ax.set(xlim=(-2.9, 5.4), ylim=(-1.4, 1.4), aspect="equal", title=title)
    ax.axis("off")
    return ax


@styled
@takes(vae=a_planar_vae, images=pictures)
def plot_true_posteriors(
    vae: VAE,
    images: np.ndarray,
    posterior: np.ndarray,
    reach: float = 4.0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Heat maps of the true posterior p(z|x) of a few digits, under the ellipse of the encoder's
    q(z|x) at mu ± 2 sigma (row B01).

    Args:
        vae: with a 2-d latent space.
        images: `(n, height, width, channels)`.
        posterior: `(n, side, side)`, of `posterior_on_grid`.
        reach: half the side of its grid.
        title: of the figure.
        axes: as many Matplotlib axes as images, or None for a new figure.

    Returns:
        The axes.
    """
    mean, log_var = vae.encode(images)
    sigma = np.exp(0.5 * log_var)
    axes = panels_or_new(axes, 1, len(images), figsize=(min(2.4 * len(images), 10), 2.6))[0]
    for ax, image, shares, mu, width in zip(axes, images, posterior, mean, sigma, strict=True):
        ax.imshow(shares, extent=(-reach, reach) * 2, origin="lower", cmap=HEAT)
        draw_ellipses(ax, mu[None], width[None], edgecolors="white", linewidths=1.6)
        half = 3.2 * DEVIATIONS * max(width.max(), reach / len(shares))
        ax.set(xlim=mu[0] + half * np.array([-1, 1]), ylim=mu[1] + half * np.array([-1, 1]))
        ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        ax.locator_params(nbins=4)
        inset(ax, (0.02, 0.7, 0.28, 0.28), image, "NW")
    title_above(axes, title)
    return axes
