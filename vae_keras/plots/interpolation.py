"""On the way between digits: norms, distances to real digits, and the decoder's stretch."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from vae_keras.plots.arguments import codes_2d, each, labels_of, takes
from vae_keras.plots.latent import name_classes
from vae_keras.plots.style import (
    COLOURS,
    HEAT,
    axes_or_new,
    panels_or_new,
    styled,
    title_above,
)


@styled
@takes(paths=each(each()), codes=each())
def plot_norms_along_paths(
    paths: Mapping[str, Mapping[str, np.ndarray]],
    codes: Mapping[str, np.ndarray],
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Curves of the norm of z along paths, on a grey band that holds 90 % of the norms of real
    codes (row L35).

    Args:
        paths: model → name of the path → codes `(pairs, steps, latent)`; the mean over pairs is
            drawn.
        codes: model → `(n, latent)` of real images; the band holds the middle 90 % of their norms.
        title: of the figure.
        axes: Matplotlib axes, one for each model, or None for a new figure.

    Returns:
        The axes.
    """
    axes = panels_or_new(axes, 1, len(paths), figsize=(8, 2.9))[0]
    for ax, (model, models_paths) in zip(axes, paths.items(), strict=True):
        low, high = np.quantile(np.linalg.norm(codes[model], axis=1), [0.05, 0.95])
        ax.axhspan(low, high, color="0.9", label="90 % of real codes")
        for (name, path), line in zip(models_paths.items(), ("-", "--"), strict=False):
            norms = np.linalg.norm(path, axis=-1).mean(axis=0)
            ax.plot(np.linspace(0, 1, len(norms)), norms, line, label=name)
        ax.set(xlabel="t", ylabel="mean ‖z(t)‖", title=model, ylim=(0, None))
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    title_above(axes, title)
    return axes


@styled
@takes(distances=each(), real=each())
def plot_distances_along_paths(
    distances: Mapping[str, Mapping[str, np.ndarray]],
    real: Mapping[str, float],
    title: str | None = None,
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Curves of the distance to the nearest real digit along paths, a panel for each way to measure
    it (row L35).

    Args:
        distances: name of the distance → method → mean over pairs at each step, `(steps,)`. A
            method is named by its model, which has one colour, and its path: "VAE linear";
            "spherical" ones are dashed.
        real: name of the distance → the same distance for real images, drawn as a line across.
        title: of the figure.
        axes: Matplotlib axes, one for each distance, or None for a new figure.

    Returns:
        The axes.
    """
    axes = panels_or_new(axes, 1, len(distances), figsize=(9, 3.6))[0]
    for ax, (kind, methods) in zip(axes, distances.items(), strict=True):
        ax.axhline(real[kind], color="0.5", linestyle=":", label="real images")
        models = list(dict.fromkeys(name.split()[0] for name in methods))
        for name, values in methods.items():
            colour = COLOURS[models.index(name.split()[0])]
            line = "--" if name.endswith("spherical") else "-"
            ax.plot(np.linspace(0, 1, len(values)), values, line, color=colour, label=name)
        ax.set(xlabel="t", ylabel="distance to the nearest real image", title=kind)
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    title_above(axes, title)
    return axes


@styled
@takes(codes=codes_2d, labels=labels_of("codes"))
def plot_stretch(
    stretch: np.ndarray,
    predicted: np.ndarray,
    codes: np.ndarray,
    labels: np.ndarray,
    extent: float = 3.0,
    unit: str = "",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Heat map of the decoder's local stretch over the latent plane, with the borders between
    classes (row L38).

    Args:
        stretch: `(n, n)`, `local_stretch` on an even grid over [-extent, extent]²; rows follow z₂
            upwards.
        predicted: `(n, n)`, the class of the image decoded at each point; white lines run where it
            changes.
        codes: `(m, 2)` of real images.
        labels: `(m,)` their classes, each named at the median of its codes.
        extent: half the side of the plane.
        unit: of z, where it is not z itself: "standard deviation of the codes".
        title: of the axes.
        ax: Matplotlib axes, or None for a new figure.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax, (6.2, 5))
    box = (-extent, extent, -extent, extent)
    picture = ax.imshow(
        stretch, extent=box, origin="lower", cmap=HEAT, vmin=0, vmax=np.quantile(stretch, 0.995)
    )
    label = f"stretch: pixel distance per {unit or 'unit of $z$'}"
    ax.figure.colorbar(picture, ax=ax, label=label, extend="max")
    side = np.linspace(-extent, extent, len(stretch))
    for name in np.unique(predicted):
        ax.contour(side, side, predicted == name, levels=[0.5], colors="white", linewidths=0.7)
    name_classes(ax, codes, labels)
    beside = f", in {unit}s" if unit else ""
    ax.set(xlabel=f"$z_1${beside}", ylabel=f"$z_2${beside}", title=title)
    return ax
