"""Pictures of what each term of the objective does (notebook 03)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.patches import Wedge
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from scipy.stats import chi2, norm

from vae_keras.plots.arguments import (
    as_many_as,
    at_least_one,
    cells,
    codes_2d,
    each,
    labels_of,
    numbers,
    takes,
)
from vae_keras.plots.latent import class_legend, scatter_classes
from vae_keras.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    HEAT,
    ORANGE,
    PINK,
    RED,
    SKY,
    axes_or_new,
    panels_or_new,
    styled,
    title_above,
)

LOSS_COLOURS = {"only reconstruction": BLUE, "only KL": ORANGE, "combination": GREEN}
EDGE = 4  # of the common scale: in one dimension the prior keeps 0.99994 of its mass within ±4
OUTER = 3  # radius of the outermost cells as drawn
SMALLEST_VARIANCE = 1e-6  # drawn; below it a latent dimension is as dead as can be


@styled
@takes(codes=each(codes_2d), labels=labels_of("codes"))
def plot_latent_planes(
    codes: Mapping[str, np.ndarray],
    labels: np.ndarray,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Scatters of several models' codes: on one common scale (above) and each on its own (below).

    Row L26.

    Circles on the common scale have radius 1, 2 and 3: in two dimensions they hold 39 %, 86 % and
    99 % of the prior.

    Args:
        codes: name → 2-d codes `(n, 2)`, one per image.
        labels: `(n,)` classes.
        title: of the figure.
        axes: two Matplotlib axes for each model, or None for a new figure.

    Returns:
        The axes, two rows by one column per model.
    """
    axes = panels_or_new(axes, 2, len(codes), figsize=(9, 6))
    for (name, z), common, own in zip(codes.items(), *axes, strict=True):
        scatter_classes(common, z, labels)
        _circles(common, RED)
        outside = np.mean(np.any(np.abs(z) > EDGE, axis=1))
        common.set(
            xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal", xlabel="$z_1$", ylabel="$z_2$"
        )
        common.set_title(f"{name}\n{outside:.0%} of the codes beyond this frame")
        scatter_classes(own, z, labels)
        own.set(xlabel="$z_1$", ylabel="$z_2$")
        own.xaxis.set_major_locator(MaxNLocator(3))
        own.yaxis.set_major_locator(MaxNLocator(4))
        own.set_title("the same, on its own scale")
    class_legend(axes[0, -1], labels)
    title_above(axes, title)
    return axes


@styled
@takes(sigmas=each())
def plot_sigma_histograms(
    sigmas: Mapping[str, np.ndarray], title: str | None = None, axes: np.ndarray | None = None
) -> np.ndarray:
    """Histograms of the posteriors' standard deviations, one for each model, on a logarithmic axis.

    Row L27.

    Args:
        sigmas: name → sigma `(n, latent)`.
        title: of the figure.
        axes: as many Matplotlib axes as models, or None for a new figure.

    Returns:
        The axes, one per model.
    """
    axes = panels_or_new(axes, len(sigmas), 1, figsize=(7.5, 3.8), sharex=True)[:, 0]
    low = min(np.quantile(sigma, 0.01) for sigma in sigmas.values())
    ratio = (3 / low) ** 0.01
    # 1 in the middle
    bins = ratio ** np.arange(
        np.floor(np.log(low) / np.log(ratio)) - 0.5, np.log(3) / np.log(ratio)
    )
    for ax, (name, sigma) in zip(axes, sigmas.items(), strict=True):
        if np.min(sigma) < bins[0]:  # the narrowest of all count in the first bin
            ax.annotate("≤", (bins[0], 0), xytext=(0, 3), textcoords="offset points", ha="right")
        sigma = np.maximum(sigma, bins[0])
        ax.hist(
            sigma.ravel(),
            bins,
            weights=np.full(sigma.size, 1 / sigma.size),
            color=LOSS_COLOURS.get(name, PINK),
        )
        ax.axvline(1, color=BLACK, linestyle=":")
        ax.text(0.01, 0.95, name, transform=ax.transAxes, ha="left", va="top")
        ax.set_label(name)  # read in place of a title
        ax.set(xscale="log", ylabel="share")
        ax.margins(y=0.1)
    axes[0].annotate("the prior", (1, 0.95), xycoords=("data", "axes fraction"), xytext=(4, 0),
                     textcoords="offset points", va="top")  # fmt: skip
    axes[-1].set_xlabel(r"$\sigma_\phi(x)$ of one image, in one latent dimension")
    title_above(axes, title)
    return axes


@styled
@takes(posteriors=each(), distances=each(), draws=at_least_one)
def plot_aggregate_posteriors(
    posteriors: Mapping[str, tuple[np.ndarray, np.ndarray]],
    distances: Mapping[str, float],
    draws: int = 200_000,
    seed: int = 0,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Heat maps of the average of q(z|x) over images, and its two marginals beside N(0, 1).

    Row L28.

    Args:
        posteriors: name → `(mean, log_var)` of q(z|x), each `(n, 2)`.
        distances: name → `distance_to_prior`, for the titles.
        draws: of z from the average.
        seed: of the draws.
        title: of the figure.
        axes: two Matplotlib axes for each model, or None for a new figure.

    Returns:
        The axes, two rows by one column per model.
    """
    rng = np.random.default_rng(seed)
    edges = np.linspace(-EDGE, EDGE, 81)
    width = edges[1] - edges[0]
    line = np.linspace(-EDGE, EDGE, 400)
    axes = panels_or_new(axes, 2, len(posteriors), figsize=(9, 5.2), height_ratios=(2, 1))
    for (name, (mean, log_var)), heat, marginal in zip(posteriors.items(), *axes, strict=True):
        chosen = rng.integers(len(mean), size=draws)
        z = mean[chosen] + np.exp(0.5 * log_var[chosen]) * rng.standard_normal((draws, 2))
        density = np.histogram2d(z[:, 0], z[:, 1], bins=edges)[0].T / (draws * width**2)
        picture = heat.imshow(
            density,
            origin="lower",
            extent=(-EDGE, EDGE) * 2,
            cmap=HEAT,
            vmin=0,
            vmax=2 * norm.pdf(0) ** 2,
        )
        _circles(heat, "white")
        heat.set(xlabel="$z_1$", ylabel="$z_2$")
        heat.set_title(f"{name}\ndistance to the prior: {distances[name]:.2g}")
        for j, colour in enumerate((BLUE, ORANGE)):
            heights = np.histogram(z[:, j], edges)[0] / (draws * width)
            marginal.stairs(heights, edges, color=colour, label=f"$z_{j + 1}$")
        marginal.plot(line, norm.pdf(line), color=BLACK, linestyle=":", label="N(0, 1)")
        marginal.set(
            xlim=(-EDGE, EDGE), ylim=(0, 0.8), xlabel="one dimension of $z$", ylabel="density"
        )
    axes[1, 0].legend(loc="upper center", ncols=3, handlelength=1, columnspacing=1, borderaxespad=0)
    colour_bar = {"label": "density", "extend": "max", "shrink": 0.9, "pad": 0.01}
    axes[0, 0].figure.colorbar(picture, ax=list(axes[0]), **colour_bar)
    title_above(axes, title)
    return axes


@styled
@takes(shares=each(cells))
def plot_cell_shares(
    shares: Mapping[str, np.ndarray], title: str | None = None, axes: np.ndarray | None = None
) -> np.ndarray:
    """Maps of the plane in cells of equal prior probability: orange where more codes lie than the
    prior would put there, blue where fewer (row L29).

    Each cell says how many times its share it holds. The outermost ring reaches on without end.

    Args:
        shares: name → `cell_shares`, `(rings, sectors)`.
        title: of the figure.
        axes: as many Matplotlib axes as models, or None for a new figure.

    Returns:
        The axes.
    """
    axes = panels_or_new(axes, 1, len(shares), figsize=(9.4, 3.2))[0]
    colours = plt.get_cmap("PuOr_r")
    scale = LogNorm(1 / 8, 8)
    for ax, (name, table) in zip(axes, shares.items(), strict=True):
        rings, sectors = np.shape(table)
        radii = np.append(chi2(2).ppf(np.arange(rings) / rings) ** 0.5, OUTER)
        for ring, row in enumerate(np.asarray(table) * np.size(table)):
            for sector, times in enumerate(row):
                start, end = 360 * sector / sectors, 360 * (sector + 1) / sectors
                colour = colours(scale(np.clip(times, 1 / 8, 8)))
                size = {"width": radii[ring + 1] - radii[ring], "edgecolor": "white"}
                ax.add_patch(Wedge((0, 0), radii[ring + 1], start, end, facecolor=colour, **size))
                # in the innermost ring farther out, where its cells are wide enough for a number
                share = 0.5 if ring else 0.7
                middle = radii[ring] + share * (radii[ring + 1] - radii[ring])
                angle = np.radians((start + end) / 2)
                place = middle * np.cos(angle), middle * np.sin(angle)
                ink = "black" if 0.3 < times < 3.3 else "white"
                ax.text(*place, f"{times:.1f}", fontsize=6.5, color=ink, ha="center", va="center")
        side = (-OUTER, OUTER)
        ax.set(xlim=side, ylim=side, aspect="equal", title=name, xlabel="$z_1$")
    axes[0].set_ylabel("$z_2$")
    bar = axes[0].figure.colorbar(ScalarMappable(scale, colours), ax=list(axes), shrink=0.9)
    bar.set_label("share of the codes / share of the prior")
    bar.set_ticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], labels=["⅛", "¼", "½", "1", "2", "4", "8"])
    bar.minorticks_off()
    title_above(axes, title)
    return axes


@styled
@takes(losses=each())
def plot_memorizing(
    losses: Mapping[str, np.ndarray], title: str | None = None, axes: np.ndarray | None = None
) -> np.ndarray:
    """Dots for training and held-out images, joined by a line for each run, and a dot for its gap.

    Row L30.

    Args:
        losses: name → runs `(seeds, 2)`: on the training images, on held-out images. "only KL",
            which reconstructs nothing, is drawn only among the gaps.
        title: of the figure.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: losses, gaps.
    """
    axes = panels_or_new(axes, 1, 2, figsize=(8, 3.2))[0]
    left, right = axes
    for row, (name, runs) in enumerate(losses.items()):
        runs, colour = np.asarray(runs), LOSS_COLOURS.get(name, PINK)
        if name != "only KL":
            first, *_ = left.plot((0, 1), runs.T, "o-", color=colour)
            first.set_label(name)  # once for all its runs
        right.plot(
            runs[:, 1] - runs[:, 0],
            np.full(len(runs), row),
            "o",
            color=colour,
            markerfacecolor="none",
        )
    left.set_xticks((0, 1), ("training images", "held-out images"))
    left.set(xlim=(-0.3, 1.3), ylabel="reconstruction, with σ = 1\n(nats per image)")
    left.margins(y=0.3)  # room for the legend
    left.legend(loc="upper left")
    right.set_yticks(range(len(losses)), list(losses))
    right.set(ylim=(len(losses) - 0.5, -0.5), xlabel="gap: held-out − training (nats per image)")
    right.set_xlim(left=min(0, right.get_xlim()[0]))
    title_above(axes, title)
    return axes


@styled
@takes(moves=each())
def plot_moves(
    moves: Mapping[str, np.ndarray],
    disturbances: Sequence[str],
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """How far codes and reconstructions move when the input is disturbed: one mark for each run.

    Row L30.

    Args:
        moves: name → array `(seeds, 2, 3)`: for both disturbances the three numbers of
            `measures.moves`.
        disturbances: the names of both.
        title: of the figure.
        axes: three Matplotlib axes, or None for a new figure.

    Returns:
        The three axes.
    """
    axes = panels_or_new(axes, 1, 3, figsize=(9, 3.3), sharey=True)[0]
    units = (
        "move of $\\hat{x}$ / difference\nof two digits' $\\hat{x}$",
        "move of $\\mu$ /\nspread of all $\\mu$",
        "move of $\\mu$ /\nits own $\\sigma_\\phi$",
    )
    for i, (ax, unit) in enumerate(zip(axes, units, strict=True)):
        for row, (name, runs) in enumerate(moves.items()):
            for k, marker in enumerate("os"):
                heights = np.full(len(runs), row - 0.15 + 0.3 * k)
                colour = LOSS_COLOURS.get(name, PINK)
                ax.plot(runs[:, k, i], heights, marker, color=colour, markerfacecolor="none")
        ax.set_yticks(range(len(moves)), list(moves))
        ax.set(xlabel=unit, ylim=(len(moves) - 0.5, -0.5), xscale="linear" if i == 0 else "log")
        if i > 0:
            low, high = ax.get_xlim()
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.minorticks_off()
    for name, marker in zip(disturbances, "os", strict=True):
        axes[0].plot([], [], marker, color=BLACK, markerfacecolor="none", label=name)
    figure = axes[0].figure
    figure.align_xlabels(axes)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    title_above(axes, title)
    return axes


@styled
@takes(betas=numbers, kls=as_many_as("betas"), reconstructions=as_many_as("betas"))
def plot_rate_distortion(
    betas: Sequence[float],
    kls: Sequence[float],
    reconstructions: Sequence[float],
    constant: float,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curve of the reconstruction against the KL, one point for each beta (row L31).

    Args:
        betas, kls, reconstructions: along the sweep; nats per image.
        constant: reconstruction of the best image that is the same for all, a dashed line.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6.5, 3.8))
    ax.plot(kls, reconstructions, "o-", color=BLUE)
    # (2, betas - 1)
    steps = np.diff([np.divide(kls, max(kls)), np.divide(reconstructions, max(reconstructions))])
    near_the_next = [*(np.linalg.norm(steps, axis=0) < 0.12), False]
    for beta, kl, reconstruction, below in zip(
        betas, kls, reconstructions, near_the_next, strict=True
    ):
        text = rf"$\beta = {beta:g}$, $\sigma = {np.sqrt(beta):.2g}$"
        ax.annotate(
            text, (kl, reconstruction), xytext=(7, -14 if below else 6), textcoords="offset points"
        )
    ax.axhline(constant, color=BLACK, linestyle="--", linewidth=1)
    ax.annotate("the mean image for every input", (1, constant), xycoords=("axes fraction", "data"),
                xytext=(0, 5), textcoords="offset points", ha="right")  # fmt: skip
    ax.set(
        xlabel="rate: KL (nats per image)",
        ylabel="distortion: reconstruction\n(nats per image)",
        title=title,
    )
    ax.set(
        ylim=(0, 1.15 * max(constant, *reconstructions)), xlim=(-0.03 * max(kls), 1.35 * max(kls))
    )
    return ax


@styled
@takes(betas=numbers, variances=as_many_as("betas"), counts=as_many_as("betas"))
def plot_unit_variances(
    betas: Sequence[float],
    variances: Sequence[np.ndarray],
    counts: Sequence[int],
    threshold: float = 0.01,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Dots: how much each latent dimension's mean varies over the images, for each beta of a sweep.

    Row L33.

    Args:
        betas: of the sweep.
        variances: for each beta the variances of mu_j(x) over the images, `(latent,)`.
        counts: for each beta the number of active units, written above its dots.
        threshold: of an active unit, a dashed line.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6.5, 3.6))
    top = 30
    for i, (variance, count) in enumerate(zip(variances, counts, strict=True)):
        heights = np.maximum(np.sort(variance), SMALLEST_VARIANCE)
        places = i + np.linspace(-0.25, 0.25, len(heights))
        ax.scatter(places, heights, s=24, color=np.where(heights > threshold, BLUE, SKY))
        ax.text(i, top, f"{count} active", ha="center", va="bottom")
    ax.axhline(threshold, color=BLACK, linestyle="--", linewidth=1)
    ax.set_xticks(range(len(betas)), [rf"$\beta = {beta:g}$" for beta in betas])
    ax.set(yscale="log", ylim=(SMALLEST_VARIANCE / 2, 4 * top), title=title)
    ax.set_ylabel(r"variance of $\mu_j(x)$ over images")
    return ax


def _circles(ax, colour):
    """The prior's circles of radius 1, 2 and 3."""
    for radius in (1, 2, 3):
        ax.add_patch(plt.Circle((0, 0), radius, fill=False, color=colour, linewidth=1))
