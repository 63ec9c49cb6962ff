"""Densities, distribution functions and draws."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from scipy.stats import norm

from vae_keras.plots.arguments import (
    a_column_for_each_pair,
    as_many_as,
    at_least_one,
    each,
    numbers,
    pairs_for_each_parameter,
    takes,
)
from vae_keras.plots.style import (
    BLACK,
    BLUE,
    COLOURS,
    ORANGE,
    SKY,
    axes_or_new,
    panels_or_new,
    styled,
    title_above,
)

Pairs = Sequence[tuple[float, float]]  # (mu, sigma) each


@styled
def plot_density(
    mean: float = 0.0,
    sigma: float = 1.0,
    a: float = -1.0,
    b: float = 0.5,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """P(a ≤ X ≤ b) of a Gaussian, twice: as an area under the density f, as a difference of the CDF
    F (row L12).

    Args:
        mean, sigma: of the Gaussian; sigma above 0.
        a, b: ends of the interval, a below b.
        title: above both axes.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: density, CDF.

    Raises:
        ValueError: sigma is not above 0, or a is not below b.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be above 0. Received: sigma={sigma}")
    if not a < b:
        raise ValueError(f"a must be below b. Received: a={a}, b={b}")
    axes = panels_or_new(axes, 1, 2, figsize=(9, 3.4))[0]
    density, cumulative = axes
    gaussian = norm(mean, sigma)
    low, high = min(a, mean - 4 * sigma), max(b, mean + 4 * sigma)
    x, between = np.linspace(low, high, 400), np.linspace(a, b, 200)
    at_a, at_b = gaussian.cdf([a, b])
    probability = f"{at_b - at_a:.4f}"

    density.fill_between(between, gaussian.pdf(between), color=SKY, alpha=0.5, linewidth=0)
    density.plot(x, gaussian.pdf(x), color=BLUE)
    density.vlines([a, b], 0, gaussian.pdf([a, b]), color=BLUE, linewidth=0.8)
    centre = (a + b) / 2
    side = "right" if centre > mean else "left"
    density.annotate(
        f"shaded area\n$P(a \\leq X \\leq b)$\n$= {probability}$",
        (centre, 0.55 * gaussian.pdf(centre)),
        xytext=({"left": 0.03, "right": 0.98}[side], 0.97),
        textcoords="axes fraction",
        ha=side,
        va="top",
        arrowprops={"arrowstyle": "-", "color": "0.4", "linewidth": 0.8, "shrinkB": 0},
    )
    density.set(ylabel="density $f(x)$", ylim=(0, 1.08 * gaussian.pdf(mean)))

    cumulative.plot(x, gaussian.cdf(x), color=BLUE)
    for point, value in ((a, at_a), (b, at_b)):
        cumulative.plot(
            [point, point, low], [0, value, value], color="0.6", linewidth=0.8, linestyle="--"
        )
    cumulative.plot([a, b], [at_a, at_b], "o", color=BLUE, markersize=5, clip_on=False)
    height_at = low + 0.05 * (high - low)
    arrow = {"arrowstyle": "<->", "color": ORANGE, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    cumulative.annotate("", (height_at, at_a), (height_at, at_b), arrowprops=arrow)
    cumulative.text(
        height_at + 0.02 * (high - low),
        (at_a + at_b) / 2,
        f"$F(b) - F(a)$\n$= {probability}$",
        va="center",
    )
    ends = [value for value in (0, 1) if min(abs(value - at_a), abs(value - at_b)) > 0.05]
    labels = [f"{value}" for value in ends] + [f"$F(a) = {at_a:.4f}$", f"$F(b) = {at_b:.4f}$"]
    cumulative.set_yticks([*ends, at_a, at_b], labels)
    cumulative.set(ylabel="CDF $F(x) = P(X \\leq x)$", ylim=(0, 1.05))
    ticks = {a: f"$a$\n${a:g}$", b: f"$b$\n${b:g}$"}
    if min(abs(a - mean), abs(b - mean)) > 0.4 * sigma:
        ticks[mean] = f"$\\mu$\n${mean:g}$"
    for ax in axes:
        ax.set_xticks(list(ticks), list(ticks.values()))
        ax.set(xlabel="$x$", xlim=(low, high))
    title_above(axes, title)
    return axes


@styled
def plot_gaussians(
    parameters: Pairs = ((0, 1), (0, 0.5), (0, 2), (2, 1)),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curves of Gaussian densities, one for each pair of mu and sigma (row L13).

    Args:
        parameters: pairs (mu, sigma), each sigma above 0; at most eight.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: a sigma is not above 0, or there are more than eight pairs.
    """
    if not all(sigma > 0 for _, sigma in parameters):
        raise ValueError(f"every sigma must be above 0. Received: parameters={parameters}")
    if len(parameters) > len(COLOURS):
        raise ValueError(
            f"at most {len(COLOURS)} curves can be told apart. Received: {len(parameters)} pairs"
        )
    ax = axes_or_new(ax, (6, 3.4))
    low = min(mean - 3 * sigma for mean, sigma in parameters)
    high = max(mean + 3 * sigma for mean, sigma in parameters)
    x = np.linspace(low, high, 600)
    for (mean, sigma), colour in zip(parameters, COLOURS, strict=False):
        ax.plot(
            x,
            norm(mean, sigma).pdf(x),
            color=colour,
            label=f"$\\mu = {mean:g}$,  $\\sigma = {sigma:g}$",
        )
    ax.set(xlabel="$x$", ylabel="density $f(x)$", xlim=(low, high), title=title)
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


@styled
@takes(estimates=each(), exact=pairs_for_each_parameter, batch=at_least_one)
def plot_gradient_estimates(
    estimates: Mapping[str, Sequence[np.ndarray]],
    exact: Sequence[float],
    batch: int = 100,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Histograms of gradient estimates, each an average over a batch of draws, around the exact
    gradient (row L39).

    Args:
        estimates: name of the estimator → its gradients for (mu, sigma), `(draws,)` each.
        exact: the exact gradients for (mu, sigma).
        batch: how many draws one average takes.
        title: above both axes.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: mu, sigma.
    """
    axes = panels_or_new(axes, 1, 2, figsize=(9, 3.4))[0]
    for parameter, (ax, symbol) in enumerate(zip(axes, ("\\mu", "\\sigma"), strict=True)):
        averages = {
            name: _batch_means(gradients[parameter], batch) for name, gradients in estimates.items()
        }
        bins = np.linspace(
            min(map(np.min, averages.values())), max(map(np.max, averages.values())), 80
        )
        for (name, values), colour in zip(averages.items(), COLOURS, strict=False):
            ax.hist(values, bins, density=True, color=colour, alpha=0.55, label=name)
        ax.axvline(
            exact[parameter], color=BLACK, linewidth=1.2, linestyle="--", label="exact gradient"
        )
        gradient = f"$\\partial\\,E[\\ell(z)]\\,/\\,\\partial{symbol}$"
        ax.set(xlabel=f"estimate of {gradient}, {batch} draws each", ylabel="density")
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    title_above(axes, title)
    return axes


@styled
@takes(x=numbers, curves=each(as_many_as("x")))
def plot_power_laws(
    x: ArrayLike,
    curves: Mapping[str, ArrayLike],
    slopes: Sequence[tuple[str, float]] = (),
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Curves on two logarithmic axes, where a power law is a straight line, and dotted lines to
    compare with.

    Args:
        x: positive, `(n,)`.
        curves: name → `(n,)`; values that are not positive are left out.
        slopes: pairs (name, slope): a dotted line of that slope beside the curve of that name.
        xlabel, ylabel, title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6, 3.8))
    x = np.asarray(x, dtype="float64")
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        values = np.asarray(values, dtype="float64")
        ax.loglog(x[values > 0], values[values > 0], "o-", markersize=3.5, color=colour, label=name)
        for slope in (slope for of_curve, slope in slopes if of_curve == name):
            end = np.argmax(x)
            ax.loglog(
                x,
                2 * values[end] * (x / x[end]) ** slope,
                ":",
                color=colour,
                label=f"slope {slope:g}",
            )
    lowest = min(np.min(np.asarray(values)[np.asarray(values) > 0]) for values in curves.values())
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_ylim(bottom=0.4 * lowest)
    if len(x) <= 8:  # few enough to be named
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.set_xticks([], minor=True)
    ax.legend()
    return ax


@styled
@takes(draws=a_column_for_each_pair)
def plot_empirical_cdfs(
    draws: np.ndarray,
    parameters: Pairs,
    critical: float,
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Curves of the empirical CDF of draws on Phi((x − mu)/sigma), and of the difference of the two
    (row L40, step 1).

    Args:
        draws: `(n, len(parameters))`.
        parameters: pairs (mu, sigma), one for each column of draws.
        critical: Kolmogorov–Smirnov distance up to which a difference counts as chance.
        title: above both axes.
        axes: two Matplotlib axes, or None for a new figure.

    Returns:
        The two axes: CDFs, differences.
    """
    axes = panels_or_new(axes, 1, 2, figsize=(9, 3.6))[0]
    curves, differences = axes
    draws = np.sort(np.asarray(draws, "float64"), axis=0)
    shown = np.linspace(0, len(draws) - 1, 2000).round().astype(int)  # more points than pixels
    share = (np.arange(len(draws)) + 1)[shown] / len(draws)
    for x, (mean, sigma), colour in zip(draws[shown].T, parameters, COLOURS, strict=False):
        standard = (x - mean) / sigma
        name = f"$\\mu = {mean:g}$,  $\\sigma = {sigma:g}$"
        curves.plot(x, share, color=colour, linewidth=5, alpha=0.45, label=name)
        curves.plot(x, norm.cdf(standard), color=BLACK, linewidth=1, linestyle="--")
        differences.plot(standard, share - norm.cdf(standard), color=colour, linewidth=1)
    curves.plot(
        [], [], color=BLACK, linewidth=1, linestyle="--", label="$\\Phi((x - \\mu)/\\sigma)$"
    )
    curves.set(xlabel="$x$", ylabel="share of draws with $X \\leq x$")
    curves.legend(loc="lower right", fontsize="small")
    for level in (-critical, critical):
        differences.axhline(level, color="0.4", linewidth=1, linestyle=":")
    differences.text(
        -4,
        1.06 * critical,
        "one sample in a million leaves these lines",
        color="0.3",
        va="bottom",
        fontsize="small",
    )
    differences.set(
        xlabel="$(x - \\mu)/\\sigma$", ylabel="empirical CDF minus $\\Phi$", xlim=(-4.2, 4.2)
    )
    differences.set_ylim(-1.5 * critical, 1.5 * critical)
    title_above(axes, title)
    return axes


@styled
@takes(draws=a_column_for_each_pair)
def plot_draws(
    draws: np.ndarray,
    parameters: Pairs,
    densities: Mapping[str, Callable[[np.ndarray, float, float], np.ndarray]],
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Histograms of draws under densities that were computed for them (row L40, step 3).

    Args:
        draws: `(n, len(parameters))`.
        parameters: pairs (mu, sigma), one for each column of draws.
        densities: name → function of (x, mu, sigma); drawn in turn as a solid and a dashed line.
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (8, 3.8))
    lines: tuple[dict[str, Any], ...] = (
        {"color": "0.75", "linewidth": 4},
        {"color": BLACK, "linewidth": 1.2, "linestyle": "--"},
    )
    for column, (mean, sigma), colour in zip(
        np.asarray(draws).T, parameters, COLOURS, strict=False
    ):
        name = f"draws, $\\mu = {mean:g}$, $\\sigma = {sigma:g}$"
        bins = mean + sigma * np.linspace(-4, 4, 81)
        width = bins[1] - bins[0]  # heights count every draw, also those outside of the bins
        heights = np.histogram(column, bins)[0] / (len(column) * width)
        ax.stairs(heights, bins, fill=True, color=colour, alpha=0.5, label=name)
        for density, line in zip(densities.values(), lines, strict=False):
            ax.plot(bins, density(bins, mean, sigma), **line)
    for name, line in zip(densities, lines, strict=False):
        ax.plot([], [], label=name, **line)
    ax.set(xlabel="$x$", ylabel="density $f_X(x)$", title=title)
    ax.set_ylim(bottom=0)
    ax.legend(fontsize="small")
    return ax


def _batch_means(values, batch):
    values = np.asarray(values, "float64")
    return values[: len(values) // batch * batch].reshape(-1, batch).mean(axis=1)
