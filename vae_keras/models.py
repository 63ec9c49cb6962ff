"""The autoencoder and the variational autoencoder, as Keras models."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.latent_model import LatentModel
from vae_keras.layers import Sampling
from vae_keras.losses import bernoulli_loss, kl_divergence, reconstruction_loss
from vae_keras.support.checks import a_sigma, above_zero, not_negative, one_of, whole_number
from vae_keras.support.finite import Mean
from vae_keras.support.inputs import unpack_x_y_sample_weight
from vae_keras.support.networks import check_logits, outputs
from vae_keras.support.noise import fresh_noise, repeated_noise
from vae_keras.support.replicas import mean_over_images, of_all, penalties
from vae_keras.support.settings import Setting, settable
from vae_keras.support.tensors import exp, wider

LIKELIHOODS = ("gaussian", "bernoulli")
HALF = math.sqrt(0.5)  # the sigma at which ‖x − x̂‖² / (2σ²) is ‖x − x̂‖²


@keras.saving.register_keras_serializable(package="vae_keras")
class Autoencoder(LatentModel):
    """x' = D_theta(E_phi(x)), trained to minimise the mean of ‖x − x'‖² over images.

    `fit(x, y)` draws y where y are images (denoising); class numbers in its place are ignored.

    Args:
        encoder: Keras network, images `(batch, height, width, channels)` → z `(batch, latent)`.
        decoder: Keras network, z → images in [0, 1].
        image_shape: (height, width, channels), where the networks leave it open.

    Raises:
        ValueError: the networks' shapes do not fit.

    Source: slides "Autoencoders: Definition" and "Training an Autoencoder" (rows L01 to L03).
    """

    heads = 1

    def __init__(
        self,
        encoder: keras.Layer,
        decoder: keras.Layer,
        image_shape: tuple | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, image_shape, **kwargs)
        self.code_box = self.add_weight(
            shape=(2, self.latent_dim), initializer="zeros", trainable=False, dtype="float32",
            aggregation="only_first_replica", name="code_box",
        )  # fmt: skip

    def call(self, x, training=None):
        (z,) = outputs(self.encoder, x, training)
        return outputs(self.decoder, z, training)[0]

    def train_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            (z,) = outputs(self.encoder, x, training=True)  # (batch, latent)
            (x_hat,) = outputs(self.decoder, z, training=True)
            loss = reconstruction_loss(y, x_hat, HALF)  # (batch,)
            objective = mean_over_images(weight * loss) + penalties(self.losses)
            scaled = self.optimizer.scale_loss(objective)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.code_box.assign(wider(self.code_box, of_all(z), anew=self.loss_tracker.batches == 0))
        return self.track(weight, loss=loss)

    def test_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        return self.track(weight, loss=reconstruction_loss(y, self(x), HALF))

    def images_from(self, z: tf.Tensor) -> tf.Tensor:
        """`decode` for tensors: gradients pass."""
        return ops.clip(outputs(self.decoder, z)[0], 0.0, 1.0)  # one's own decoder may leave [0, 1]

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Decode n codes drawn evenly from the box of the last epoch's training codes (row L07).

        An autoencoder has no distribution over z: the box is the simplest guess. Returns images
        `(n, height, width, channels)` in [0, 1].

        Raises:
            ValueError: n is not a whole number above 0.
            RuntimeError: the model has not been trained.
        """
        low, high = ops.convert_to_numpy(self.code_box)
        if not np.any(high > low):
            raise RuntimeError("an autoencoder samples between its training codes: call fit first")
        share_of_box = keras.random.uniform((whole_number(n, "n"), self.latent_dim), seed=seed)
        return self.decode(low + (high - low) * ops.convert_to_numpy(share_of_box))


@keras.saving.register_keras_serializable(package="vae_keras")
class VAE(LatentModel):
    """Variational autoencoder (slide rows L08 to L24).

    Minimises, in nats and as a mean over images,
    reconstruction_weight · reconstruction + beta · KL(q(z|x) ‖ N(0, I)). Both weights and sigma may
    be set at any time, as `vae.beta = 0.5`, by a callback, too: they act from the next step on.

    The noise of a training step derives from (seed, step) alone, so a run can be repeated. (XLA and
    plain TensorFlow make different numbers of the same seed: compare runs of one kind.)
    `fit(x, y)` draws y where y are images (denoising); class numbers in its place are ignored.

    Args:
        encoder: Keras network, images `(batch, height, width, channels)` → `(mean, log_var)`, each
            `(batch, latent)`, or a dictionary of both.
        decoder: Keras network, z `(batch, latent)` → logits of the pixels; x̂ is their sigmoid.
        likelihood: "gaussian", the lecture's ‖x − x̂‖² / (2σ²), or "bernoulli", cross-entropy.
        sigma: standard deviation of a pixel for "gaussian", above 0 (row L18); or "learned": one
            number, trained with the networks from 1 on, best by Adam. The reconstruction loss is
            then ‖x − x̂‖² / (2σ²) + m log σ; it is below 0 where sigma is small.
        beta: weight of KL, at least 0; 0 leaves only reconstruction (row L26).
        reconstruction_weight: at least 0; 0 leaves only KL (row L26).
        seed: integer; None draws one, which `keras.utils.set_random_seed` makes repeatable.
        image_shape: (height, width, channels), where the networks leave it open.

    Raises:
        ValueError: an option out of its range, or networks whose shapes do not fit.

    Source: Kingma and Welling 2014; beta: Higgins et al. 2017; learned sigma: Rybkin et al. 2021.
    """

    heads = 2
    beta = Setting(not_negative)
    reconstruction_weight = Setting(not_negative)
    fixed_sigma = Setting(above_zero, "sigma")

    def __init__(
        self,
        encoder: keras.Layer,
        decoder: keras.Layer,
        likelihood: str = "gaussian",
        sigma: float | str = 1.0,
        beta: float = 1.0,
        reconstruction_weight: float = 1.0,
        seed: int | None = None,
        image_shape: tuple | None = None,
        **kwargs: Any,
    ) -> None:
        one_of(likelihood, LIKELIHOODS, "likelihood")
        learned = a_sigma(sigma, likelihood)
        super().__init__(encoder, decoder, image_shape, **kwargs)
        check_logits(decoder, self.latent_dim)
        self.likelihood = likelihood
        self.beta = settable(beta)
        self.reconstruction_weight = settable(reconstruction_weight)
        if learned:  # log sigma: any real number is valid
            self.log_sigma = self.add_weight((), "zeros", "float32", name="log_sigma")
        self.fixed_sigma = 1.0 if learned else settable(sigma)
        self.learns_sigma = learned
        self.sampling = Sampling(seed)
        self.sampling.build([(None, self.latent_dim)] * 2)  # so that `summary` knows its shapes
        self.reconstruction_tracker = Mean(name="reconstruction_loss")
        self.kl_tracker = Mean(name="kl_loss")

    def call(self, x, training=None):
        """x̂ through the mean of q(z|x)."""
        mean, _ = outputs(self.encoder, x, training)
        return ops.sigmoid(outputs(self.decoder, mean, training)[0])

    def loss_terms(
        self, x: tf.Tensor, y: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Reconstruction loss of x, or of a target y, and KL for one draw of z, `(batch,)` each."""
        mean, log_var = outputs(self.encoder, x, training)  # (batch, latent) each
        z = self.sampling((mean, log_var))
        return self.reconstruction(x if y is None else y, z, training), kl_divergence(mean, log_var)

    def reconstruction(self, x: tf.Tensor, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Reconstruction loss of each image x when z is decoded, `(batch,)`, in nats."""
        (logits,) = outputs(self.decoder, z, training)  # (batch, height, width, channels)
        if self.likelihood == "bernoulli":
            return bernoulli_loss(x, logits)
        if self.learns_sigma:
            precision, m = exp(-2.0 * self.log_sigma), math.prod(self.image_shape)
            return precision * reconstruction_loss(x, ops.sigmoid(logits)) + m * self.log_sigma
        return reconstruction_loss(x, ops.sigmoid(logits), self.sigma)

    @fresh_noise
    def train_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            reconstruction, kl = self.loss_terms(x, y, training=True)  # (batch,) each
            loss = self.reconstruction_weight * reconstruction + self.beta * kl
            objective = mean_over_images(weight * loss) + penalties(self.losses)
            scaled = self.optimizer.scale_loss(objective)  # matters in float16 alone
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self.track(weight, loss=loss, reconstruction_loss=reconstruction, kl_loss=kl)

    @repeated_noise
    def test_step(self, data):
        x, y, weight = unpack_x_y_sample_weight(data)
        reconstruction, kl = self.loss_terms(x, y)
        loss = self.reconstruction_weight * reconstruction + self.beta * kl
        return self.track(weight, loss=loss, reconstruction_loss=reconstruction, kl_loss=kl)

    def images_from(self, z: tf.Tensor) -> tf.Tensor:
        """`decode` for tensors: gradients pass."""
        return ops.sigmoid(outputs(self.decoder, z)[0])

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Decode n draws from N(0, I), `(n, height, width, channels)` in [0, 1] (row L24).

        Raises:
            ValueError: n is not a whole number above 0.
        """
        return self.decode(keras.random.normal((whole_number(n, "n"), self.latent_dim), seed=seed))

    @property
    def sigma(self) -> Any:
        """Standard deviation of a pixel: as set, or as learned so far."""
        return math.exp(float(self.log_sigma)) if self.learns_sigma else self.fixed_sigma

    @sigma.setter
    def sigma(self, value):
        if self.learns_sigma:
            raise ValueError(f"sigma is learned: assign to log_sigma. Received: sigma={value!r}")
        self.fixed_sigma = value

    @property
    def options(self) -> dict[str, Any]:
        """What makes this objective, as `VAE` is called with it, the seed apart."""
        names = ("sigma", "beta", "reconstruction_weight")
        numbers = {name: float(getattr(self, name)) for name in names}
        learned = {"sigma": "learned"} if self.learns_sigma else {}
        return {"likelihood": self.likelihood, **numbers, **learned}

    @property
    def seed(self) -> int:
        """Of the noise: as given, or as drawn."""
        return self.sampling.seed_generator.seed

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def get_config(self):
        return {**super().get_config(), **self.options, "seed": self.seed}
