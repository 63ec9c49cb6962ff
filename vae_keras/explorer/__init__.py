"""A latent space to drag in: a widget in a notebook, and one HTML page without a kernel (row L36).

Both run explorer.js, which decodes by itself from the decoder's weights.
"""

import html
import os
import pathlib

import anywidget
import numpy as np
import traitlets

from vae_keras.explorer.describe import described, latent_dim
from vae_keras.explorer.page import FOLDER, whole_page
from vae_keras.support.files import whole_or_not_at_all


class Explorer(anywidget.AnyWidget):
    """What `explore` returns: a widget in a live notebook, and elsewhere a page in a frame.

    Attributes:
        z: the point shown, a list of `latent_dim` numbers. It follows the reader; set it, and the
            point moves.
    """

    _esm = FOLDER / "explorer.js"
    _css = FOLDER / "explorer.css"
    _ipython_display_ = None  # ipywidgets 7 has one, which would leave out the page
    data = traitlets.Dict().tag(sync=True)
    z = traitlets.Any().tag(sync=True)

    def __init__(self, data):
        super().__init__(data=data, z=[0.0] * latent_dim(data))

    @traitlets.validate("z")
    def _check_z(self, proposal):
        z = np.asarray(proposal.value, dtype="float64")
        count = latent_dim(self.data)
        if z.shape != (count,) or not np.isfinite(z).all():
            raise ValueError(f"z must hold {count} finite numbers. Received: z={proposal.value!r}")
        return z.tolist()

    def _repr_mimebundle_(self, **kwargs):
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        # A frame of its own: neither the notebook's styles nor another explorer's reach it.
        frame = (
            f'<iframe srcdoc="{html.escape(whole_page(self.data))}" sandbox="allow-scripts" '
            'title="Latent space explorer" '
            'style="width: 100%; max-width: 740px; height: 700px; border: 0"></iframe>'
        )
        return bundle | {"text/html": frame}, metadata

    def __repr__(self):
        return f"Explorer(z={self.z})"


def explore(vae, x=None, y=None):
    """Drag through a latent space and watch the decoded image; click two to see the walk between.

    With more than two dimensions, the plane shows the two whose means vary most, and each dimension
    has a slider. Decoding happens in the browser, so the result also works in a saved or exported
    notebook, without a kernel. For that the weights are rounded, so that all fit into 2 MB: those
    of one or two of the course's models to 8 bits, which changes no pixel by more than 0.05; those
    of five to 4 bits, which one sees as grain.

    Args:
        vae: a `VAE` with at least two latent dimensions, or a dictionary name → `VAE`, such as
            `{"sigma = 0.2": vae_a, "sigma = 1": vae_b}`: a slider then chooses the model. Three
            channels are shown in colour, one as ink on paper, and others as ink by their mean.
        x: images `(n, height, width, channels)` in [0, 1], whose codes are shown, the first 1,000;
            None takes held-out ones of `load_data()`.
        y: their classes, `(n,)`, numbers or text; None makes no difference between images. Of more
            than forty classes, the first forty are named.

    Returns:
        An `Explorer`; as the last line of a notebook cell it shows itself. Its `z` is the point.

    Raises:
        TypeError: not a `VAE`: without a prior nothing says which part of the space to show.
        ValueError: fewer than two latent dimensions, models of different dimension or image shape,
            images of another shape, a decoder with a layer that the explorer cannot evaluate, too
            many weights, or y is not one class for each image.
    """
    return Explorer(described(vae, x, y))


def export_explorer(vae, path, x=None, y=None):
    """Write the explorer as one HTML file, under 2 MB, that needs neither a kernel nor a network.

    Args:
        vae, x, y: as for `explore`.
        path: of the file; an older one is replaced.

    Raises:
        FileNotFoundError, IsADirectoryError: the folder to write in does not exist; there is a
            folder of that name.
        TypeError, ValueError: as for `explore`.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must name a file. Received: a {type(path).__name__}")
    with whole_or_not_at_all(path) as new:
        pathlib.Path(new).write_text(whole_page(described(vae, x, y)), encoding="utf-8")
