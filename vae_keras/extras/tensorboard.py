"""What TensorBoard shows of a training: the loss by its terms, and pictures of what is learned."""

import importlib.util
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_keras.models import VAE
from vae_keras.plots.digits import mosaic, plot_digit_rows, plot_manifold
from vae_keras.support.images import check_images


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard, with pictures of what the model has learned after each epoch.

    Keras writes the loss and its terms, for training and held-out images. The run "pictures" adds
    images above their reconstructions, and of a VAE the decoded plane; where that has more than two
    dimensions, samples from the prior, of the same 64 z after each epoch. An autoencoder has no
    prior, and gets the reconstructions alone.

    Args:
        log_dir: a folder; `tensorboard --logdir` shows it.
        x: images `(n, height, width, channels)` in [0, 1], at best held-out ones; the first 12 are
            reconstructed.
        **options: those of `keras.callbacks.TensorBoard`. The graph is not written unless they ask
            for it.

    Raises:
        ImportError: the package tensorboard is not installed.
        TypeError, ValueError: x does not hold images; or, when training begins, not the model's.

    Example:
        >>> train(vae, x_train, callbacks=[TensorBoard("logs", x_test)])
    """

    def __init__(self, log_dir: str | os.PathLike, x: np.ndarray, **options: Any) -> None:
        if importlib.util.find_spec("tensorboard") is None:  # TensorFlow no longer brings it
            raise ImportError("TensorBoard is a package of its own: pip install tensorboard")
        super().__init__(log_dir, **{"write_graph": False, **options})
        self.x = check_images(x)[:12]

    def on_train_begin(self, logs=None):
        check_images(self.x, "TensorBoard's x", self.model.image_shape)
        super().on_train_begin(logs)
        self.pictures = tf.summary.create_file_writer(os.path.join(self.log_dir, "pictures"))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        rows = {"$x$": self.x, "$\\hat x$": self.model.reconstruct(self.x)}
        with self.pictures.as_default(step=epoch):
            tf.summary.image("reconstructions", _drawn(plot_digit_rows, rows, size=(8, 1.6)))
            if not isinstance(self.model, VAE):
                return
            if self.model.latent_dim == 2:
                tf.summary.image("latent plane", _drawn(plot_manifold, self.model, size=(6, 6)))
            else:
                samples = mosaic(self.model.sample(64, seed=0), columns=8)
                if samples.ndim == 2:  # of one channel: ink on paper
                    samples = 1 - samples[..., None]
                tf.summary.image("samples from the prior", samples[None])

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self.pictures.close()


def _drawn(plot, shown, size):
    """What `plot` draws, `(1, height, width, 3)`; on no screen, and among nobody's open figures."""
    figure = Figure(figsize=size, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    plot(shown, ax=figure.subplots())
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[None, ..., :3]
