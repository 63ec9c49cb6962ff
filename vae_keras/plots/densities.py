"""Densities, distribution functions and draws."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from vae_keras.plots.style import BLUE, COLOURS, ORANGE, SKY, axes_or_new, styled


@styled
def plot_density(mean=0.0, sigma=1.0, a=-1.0, b=0.5, title=None, axes=None):
    """P(a ≤ X ≤ b) of a Gaussian, twice: as an area under the density f, as a difference of the CDF F (row L12).

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
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(9, 3.4))[1]
    density, cumulative = axes
    gaussian = norm(mean, sigma)
    low, high = min(a, mean - 4 * sigma), max(b, mean + 4 * sigma)
    x, between = np.linspace(low, high, 400), np.linspace(a, b, 200)
    at_a, at_b = gaussian.cdf([a, b])
    probability = f"{at_b - at_a:.3f}"

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
        cumulative.plot([point, point, low], [0, value, value], color="0.6", linewidth=0.8, linestyle="--")
    cumulative.plot([a, b], [at_a, at_b], "o", color=BLUE, markersize=5, clip_on=False)
    height_at = low + 0.05 * (high - low)
    arrow = {"arrowstyle": "<->", "color": ORANGE, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    cumulative.annotate("", (height_at, at_a), (height_at, at_b), arrowprops=arrow)
    cumulative.text(
        height_at + 0.02 * (high - low), (at_a + at_b) / 2, f"$F(b) - F(a)$\n$= {probability}$", va="center"
    )
    ends = [value for value in (0, 1) if min(abs(value - at_a), abs(value - at_b)) > 0.06]
    labels = [f"{value}" for value in ends] + [f"$F(a) = {at_a:.3f}$", f"$F(b) = {at_b:.3f}$"]
    cumulative.set_yticks([*ends, at_a, at_b], labels)
    cumulative.set(ylabel="CDF $F(x) = P(X \\leq x)$", ylim=(0, 1.05))
    ticks = {a: f"$a$\n${a:g}$", b: f"$b$\n${b:g}$"}
    if min(abs(a - mean), abs(b - mean)) > 0.4 * sigma:
        ticks[mean] = f"$\\mu$\n${mean:g}$"
    for ax in axes:
        ax.set_xticks(list(ticks), list(ticks.values()))
        ax.set(xlabel="$x$", xlim=(low, high))
    if title is not None:
        density.figure.suptitle(title)
    return axes


@styled
def plot_gaussians(parameters=((0, 1), (0, 0.5), (0, 2), (2, 1)), title=None, ax=None):
    """Gaussian densities, one curve for each (mu, sigma) (row L13).

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
        raise ValueError(f"at most {len(COLOURS)} curves can be told apart. Received: {len(parameters)} pairs")
    ax = axes_or_new(ax, (6, 3.4))
    low = min(mean - 3 * sigma for mean, sigma in parameters)
    high = max(mean + 3 * sigma for mean, sigma in parameters)
    x = np.linspace(low, high, 600)
    for (mean, sigma), colour in zip(parameters, COLOURS, strict=False):
        ax.plot(x, norm(mean, sigma).pdf(x), color=colour, label=f"$\\mu = {mean:g}$,  $\\sigma = {sigma:g}$")
    ax.set(xlabel="$x$", ylabel="density $f(x)$", xlim=(low, high), title=title)
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax
