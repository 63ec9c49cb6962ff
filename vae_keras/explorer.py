"""A latent plane to drag in, as HTML that needs no kernel, no network and no widget (slide row L36)."""

import base64
import html
import importlib.resources
import json

import numpy as np
import tensorflow as tf

from vae_keras.checks import digit_labels
from vae_keras.data import check_images
from vae_keras.models import VAE
from vae_keras.plots.digits import mosaic
from vae_keras.plots.style import CLASS_COLOURS

GRID = 33  # decoded digits per side; between them the browser blends
EXTENT = 3.0  # the plane shown is [-3, 3]²: 99.5 % of the prior
POINTS = 1500  # codes shown


class Explorer:
    """An HTML page that shows itself where a notebook displays it."""

    def __init__(self, page):
        self.page = page

    def _repr_html_(self):
        # A frame of its own: neither the notebook's styles nor another explorer's names reach it.
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" sandbox="allow-scripts" title="Explorer of the latent plane" '
            'style="width: 100%; max-width: 650px; height: 440px; border: 0"></iframe>'
        )

    def __repr__(self):
        return f"Explorer({len(self.page) // 1024} KiB of HTML; a notebook shows it)"


def explore(vae, x, y):
    """Drag through a 2-d latent space and watch the decoded digit.

    The plane is decoded once, on a 33 × 33 grid over [-3, 3]²; the browser blends the four nearest digits. So the
    result also works in a saved or exported notebook, after the kernel has ended.

    Args:
        vae: a `VAE` with a 2-d latent space.
        x: images `(n, 28, 28, 1)` in [0, 1], whose codes are shown; the first 1,500.
        y: their classes, `(n,)`.

    Returns:
        An `Explorer`; as the last line of a notebook cell it shows itself.

    Raises:
        TypeError: not a `VAE`: without a prior nothing says which part of the plane to show.
        ValueError: the latent space is not 2-d, or y is not one digit for each image.
    """
    if not isinstance(vae, VAE):
        raise TypeError(f"explore needs a VAE. Received: {type(vae).__name__}")
    if vae.latent_dim != 2:
        raise ValueError(f"explore needs a 2-d latent space. Received: latent_dim={vae.latent_dim}")
    x = check_images(x)
    y = digit_labels(y, len(x), "y")
    codes, _ = vae.encode(x)
    data = {
        "grid": GRID,
        "extent": EXTENT,
        "sprite": _png(_decoded_grid(vae)),
        "points": _inside(codes[:POINTS], y[:POINTS]),
        "names": _inside([np.median(codes[y == digit], axis=0) for digit in np.unique(y)], np.unique(y)),
        "colours": CLASS_COLOURS,
    }
    template = importlib.resources.files("vae_keras").joinpath("explorer.html").read_text(encoding="utf-8")
    return Explorer(template.replace("__DATA__", json.dumps(data, separators=(",", ":"))))


def _decoded_grid(vae):
    """The decoded plane as one picture `(33 · 28, 33 · 28)`; z1 grows to the right, z2 upwards."""
    ticks = np.linspace(-EXTENT, EXTENT, GRID)
    z1, z2 = np.meshgrid(ticks, ticks[::-1])
    return mosaic(vae.decode(np.stack([z1.ravel(), z2.ravel()], axis=1)), columns=GRID)


def _png(picture):
    """A picture in [0, 1] as a grey PNG, in base64. 64 greys instead of 256 look the same and save a quarter."""
    greys = (63 * picture).round() / 63
    return base64.b64encode(tf.io.encode_png((255 * greys).round().astype("uint8")[..., None], 9).numpy()).decode()


def _inside(codes, labels):
    """[z1, z2, class] of each code that lies in the plane shown."""
    return [
        [round(float(z1), 2), round(float(z2), 2), int(digit)]
        for (z1, z2), digit in zip(codes, labels, strict=True)
        if max(abs(z1), abs(z2)) <= EXTENT
    ]
