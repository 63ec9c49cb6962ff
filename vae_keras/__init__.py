"""Autoencoders and variational autoencoders in Keras, every statement measured."""

from vae_keras.support import quiet  # noqa: F401, I001  first: it imports TensorFlow without its start-up lines

from vae_keras import plots
from vae_keras.claims import claim
from vae_keras.data import load_data
from vae_keras.explorer import explore, export_explorer
from vae_keras.variants.iwae import IWAE
from vae_keras.layers import Sampling
from vae_keras.losses import bernoulli_loss, kl_divergence, reconstruction_loss
from vae_keras.measures import (
    active_units,
    coverage,
    distance_to_prior,
    effective_beta,
    elbo,
    log_likelihood,
)
from vae_keras.make import make_autoencoder, make_vae
from vae_keras.models import VAE, Autoencoder
from vae_keras.paths import linear_path, spherical_path
from vae_keras.plots import *  # noqa: F403
from vae_keras.pretrained import load_pretrained
from vae_keras.support.finite import TerminateOnNaN
from vae_keras.support.loading import load_model
from vae_keras.tables import Table
from vae_keras.extras.tensorboard import TensorBoard
from vae_keras.training import train
from vae_keras.extras.workers import train_on_workers

__all__ = [
    "IWAE",
    "VAE",
    "Autoencoder",
    "Sampling",
    "Table",
    "TensorBoard",
    "TerminateOnNaN",
    "active_units",
    "bernoulli_loss",
    "claim",
    "coverage",
    "distance_to_prior",
    "effective_beta",
    "elbo",
    "explore",
    "export_explorer",
    "kl_divergence",
    "linear_path",
    "load_data",
    "load_model",
    "load_pretrained",
    "log_likelihood",
    "make_autoencoder",
    "make_vae",
    "reconstruction_loss",
    "spherical_path",
    "train",
    "train_on_workers",
    *plots.__all__,
]
