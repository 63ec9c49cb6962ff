"""The whole path from an image to its reconstruction, live: a widget in a notebook, and one HTML
page without a kernel (rows L08, L14 to L19, L26 and L36).

Both run the same scripts, which evaluate encoder and decoder by themselves, from their weights.
"""

import html
import os
import pathlib
from collections.abc import Mapping

import anywidget
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import traitlets

from vae_keras.explorer.describe import described
from vae_keras.explorer.page import rows_of_tour, script, styles, whole_page
from vae_keras.models import VAE, Autoencoder
from vae_keras.support.checks import one_of
from vae_keras.support.files import whole_or_not_at_all

HEIGHT = 1120  # pixels of the frame in which a notebook without a kernel shows the page


class Explorer(anywidget.AnyWidget):
    """What `explore` returns: a widget in a live notebook, and elsewhere a page in a frame.

    Attributes:
        z: the point shown, a list of `latent_dim` numbers. It follows the reader; set it, and the
            point moves.
    """

    _esm = script()
    _css = styles()
    _ipython_display_ = None  # ipywidgets 7 has one, which would leave out the page
    data = traitlets.Dict().tag(sync=True)
    z = traitlets.Any().tag(sync=True)
    tour = traitlets.Unicode("").tag(sync=True)  # the row whose step of the tour is open

    def __init__(self, data, tour=""):
        super().__init__(data=data, z=data["z"], tour=tour)

    def at(self, row):
        """The same explorer once more, with the tour open at a row of the lecture, such as "L14".

        A saved notebook has the page only once, where the explorer stands first.

        Raises:
            ValueError: the tour of these models has no step of this row. (It ends with a walk, L35,
                or, where there are several models, with a comparison, L08 or L26.)
        """
        return _Again(self.data, one_of(row, rows_of_tour(self.data["models"]), "row"))

    @traitlets.validate("z")
    def _check_z(self, proposal):
        z = np.asarray(proposal.value, dtype="float64")
        count = len(self.data["z"])
        if z.shape != (count,) or not np.isfinite(z).all():
            raise ValueError(f"z must hold {count} finite numbers. Received: z={proposal.value!r}")
        return z.tolist()

    def _page(self):
        # A frame of its own: neither the notebook's styles nor another explorer's reach it.
        return (
            f'<iframe srcdoc="{html.escape(whole_page(self.data))}" sandbox="allow-scripts" '
            'title="The path through a VAE, live" '
            f'style="width: 100%; max-width: 1000px; height: {HEIGHT}px; border: 0"></iframe>'
        )

    def _repr_mimebundle_(self, **kwargs):
        if matplotlib.get_backend().endswith("inline"):
            plt.show()  # the figures of the cell: else they would stand below
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/html": self._page()}, metadata

    def __repr__(self):
        return f"Explorer(z={self.z})"


class _Again(Explorer):
    def _page(self):
        return (
            f"<p>(In the explorer further up, open the tour at its step of row {self.tour}. "
            "In a notebook that runs, it opens here.)</p>"
        )


def explore(
    model: VAE | Autoencoder | Mapping[str, VAE | Autoencoder],
    x: np.ndarray | None = None,
    y: np.ndarray | None = None,
) -> Explorer:
    """Draw an image and watch it pass through a model: mu, log sigma², epsilon, z, x̂ and the loss.

    Take one of the images, or draw; throw the die for another epsilon; drag z through the latent
    plane; walk from one image to the next. A tour leads along the path. With more than two
    dimensions, the plane shows the two whose means vary most, and each dimension has a slider.

    All of it is computed in the browser, so the result also works in a saved or exported notebook,
    without a kernel. For that the weights are rounded, so that all fit into 2 MB: those of a model
    of the course to 8 bits. Of its 2-d model (`load_pretrained("vae-2d")`) that changes no mu by
    more than 0.05, no pixel by more than 0.05, and neither loss by more than 1 %. With fewer bits,
    for several large models, grain is seen; an encoder that does not fit, or has a layer that the
    page does not know, is left out: then images can be taken, but not drawn.

    Args:
        model: a `VAE` or an `Autoencoder` with at least two latent dimensions, or a dictionary name
            → model, such as `{"AE": autoencoder, "VAE": vae}`: a card for each shows what it makes
            of the same image. Three channels are shown in colour, one as ink on paper, and others
            as ink by their mean.
        x: images `(n, height, width, channels)` in [0, 1], whose codes are shown, the first 1,000;
            None takes held-out ones of `load_data()`.
        y: their classes, `(n,)`, numbers or text; None makes no difference between images. Of more
            than forty classes, the first forty are named.

    Returns:
        An `Explorer`; as the last line of a notebook cell it shows itself. Its `z` is the point.

    Raises:
        TypeError: not a model of this course.
        ValueError: fewer than two latent dimensions, models of different dimension or image shape,
            images of another shape, a decoder with a layer that the page cannot evaluate, too many
            weights, or y is not one class for each image.
    """
    return Explorer(described(model, x, y))


def export_explorer(
    model: VAE | Autoencoder | Mapping[str, VAE | Autoencoder],
    path: str | os.PathLike,
    x: np.ndarray | None = None,
    y: np.ndarray | None = None,
) -> None:
    """Write the explorer as one HTML file, under 2 MB, that needs neither a kernel nor a network.

    Args:
        model, x, y: as for `explore`.
        path: of the file; an older one is replaced.

    Raises:
        FileNotFoundError, IsADirectoryError: the folder to write in does not exist; there is a
            folder of that name.
        TypeError, ValueError: as for `explore`.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must name a file. Received: a {type(path).__name__}")
    with whole_or_not_at_all(path) as new:
        pathlib.Path(new).write_text(whole_page(described(model, x, y)), encoding="utf-8")
