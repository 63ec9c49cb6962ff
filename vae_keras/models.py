"""The autoencoder and the variational autoencoder, as Keras models."""

import math
import os
import pathlib
import random
import re
import zipfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from vae_keras.support.checks import above_zero, not_negative, one_of, whole_number
from vae_keras.data import IMAGE_SHAPE, PIXELS, check_images
from vae_keras.support.files import saved_whole
from vae_keras.support.inputs import check_validation, checked, images_of, named_errors, no_weights, one_image
from vae_keras.layers import Sampling
from vae_keras.losses import bernoulli_loss, kl_divergence, reconstruction_loss, safe_exp
from vae_keras.networks import make_decoder, make_encoder
from vae_keras.paths import PATHS

LIKELIHOODS = ("gaussian", "bernoulli")


class LatentModel(keras.Model):
    """What an autoencoder and a VAE have in common: an encoder, a decoder, and what one does with them."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model, **kwargs: Any) -> None:
        name = kwargs.get("name")
        if name is not None and not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_.-]*", name)):
            raise ValueError(  # else TensorFlow would, in predict
                f"name may hold letters, digits, '.', '_' and '-', and starts with one of the first three. "
                f"Received: name={name!r}"
            )
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = self._check_networks()
        self.built = True  # by the check: it has called both networks

    def decode(self, z: ArrayLike) -> np.ndarray:
        """Codes `(n, latent)` → images `(n, 28, 28, 1)` in [0, 1], as a NumPy array.

        Raises:
            ValueError: z has another shape, or holds NaN or infinity.
        """
        return _in_batches(self.images_from, self.check_codes(z))

    def check_codes(self, z: ArrayLike) -> np.ndarray:
        """Return codes as float32 `(n, latent)`, or raise a ValueError that says what is wrong with them."""
        try:
            z = np.asarray(z, dtype="float32")
        except (TypeError, ValueError):  # text, or rows of different length
            raise TypeError(f"z must hold numbers, (n, {self.latent_dim}). Received: a {type(z).__name__}") from None
        if z.ndim != 2 or z.shape[1] != self.latent_dim or len(z) == 0:
            raise ValueError(f"z must have shape (n, {self.latent_dim}), n at least 1. Received: shape={z.shape}")
        if not np.isfinite(z).all():
            raise ValueError(f"z must be finite. Received: {int((~np.isfinite(z)).sum())} values NaN or infinite")
        return z

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """Images `(n, 28, 28, 1)` → x̂ of the same shape, in [0, 1]; a VAE's through the mean of q(z|x)."""
        return self.decode(self._codes(x))

    def interpolate(self, x_a: np.ndarray, x_b: np.ndarray, steps: int = 9, path: str = "linear") -> np.ndarray:
        """Decode a path between the codes of two images.

        Args:
            x_a, x_b: one image each, `(28, 28, 1)` or `(1, 28, 28, 1)`.
            steps: number of images, both ends included, at least 2.
            path: "linear" or "spherical".

        Returns:
            `(steps, 28, 28, 1)`; its ends are the reconstructions of x_a and x_b.

        Raises:
            ValueError: more than one image at an end, steps below 2, or an unknown path.
        """
        one_of(path, PATHS, "path")
        z_a, z_b = (self._codes(one_image(x, name))[0] for x, name in ((x_a, "x_a"), (x_b, "x_b")))
        return self.decode(PATHS[path](z_a, z_b, steps))

    @named_errors()
    def fit(self, x=None, y=None, batch_size=None, epochs=1, *args, validation_data=None, **kwargs):
        """Train on images; as `keras.Model.fit`. Labels, where given, are ignored: an image is its own target."""
        self._check_compiled()
        self._check_trainable()
        whole_number(epochs, "epochs")
        no_weights(kwargs.get("sample_weight"))
        validation_data, x = check_validation(validation_data), checked(x, batch_size=batch_size)
        return super().fit(x, y, batch_size, epochs, *args, validation_data=validation_data, **kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """One step on a batch of images; as `keras.Model.train_on_batch`."""
        self._check_compiled()
        self._check_trainable()
        no_weights(sample_weight)
        return super().train_on_batch(check_images(x), y, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        """The loss and its terms on a batch of images; as `keras.Model.test_on_batch`."""
        self._check_compiled()
        no_weights(sample_weight)
        return super().test_on_batch(check_images(x), y, **kwargs)

    @named_errors()
    def evaluate(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """Mean of the loss and its terms over images, in nats per image; as `keras.Model.evaluate`."""
        if not kwargs.get("_use_cached_eval_dataset"):  # of a `fit` that has checked its validation_data
            self._check_compiled()
            no_weights(kwargs.get("sample_weight"))
            x = checked(x, batch_size=batch_size)
        return super().evaluate(x, y, batch_size, *args, **kwargs)

    @named_errors()
    def predict(self, x, batch_size=None, *args, **kwargs):
        """Reconstruct images; as `keras.Model.predict`."""
        return super().predict(checked(x, batch_size=batch_size), batch_size, *args, **kwargs)

    def predict_on_batch(self, x):
        """Reconstruct a batch of images; as `keras.Model.predict_on_batch`."""
        return super().predict_on_batch(check_images(x))

    def save(self, filepath, overwrite=True, **kwargs):
        """As `keras.Model.save`; a process that is killed meanwhile leaves an older file as it was."""
        with saved_whole(filepath, (".keras", ".h5"), overwrite) as path:
            super().save(path, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """As `keras.Model.save_weights`; a process that is killed meanwhile leaves an older file as it was."""
        with saved_whole(filepath, (".weights.h5",), overwrite) as path:
            super().save_weights(path, overwrite=overwrite, **kwargs)

    def load_weights(self, filepath, *args, **kwargs):
        """As `keras.Model.load_weights`; where that fails half-way, the model keeps the weights that it had."""
        variables = [*self.weights, *self._seed_states(), *(self.optimizer.variables if self.compiled else ())]
        before = [variable.numpy() for variable in variables]
        try:
            super().load_weights(filepath, *args, **kwargs)
        except Exception as error:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            if not isinstance(error, ValueError):
                raise
            raise ValueError(
                f"{filepath} holds no weights for this model: its networks are not those that were saved. "
                f"Received: {_first_line(error)}"
            ) from error

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, state in enumerate(self._seed_states()):
            store[f"seed{i}"] = state.numpy()

    def load_own_variables(self, store):
        super().load_own_variables({name: store[name] for name in store.keys() if not name.startswith("seed")})  # noqa: SIM118
        for i, state in enumerate(self._seed_states()):
            state.assign(store[f"seed{i}"])

    def _seed_states(self):
        """How far random layers (Dropout, Sampling) have drawn. Keras does not save it: their draws would repeat."""
        others = {id(v) for v in [*self.weights, *(v for metric in self.metrics for v in metric.variables)]}
        return [v for v in self.variables if id(v) not in others]

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
        }

    @classmethod
    def from_config(cls, config):
        networks = {key: keras.saving.deserialize_keras_object(config[key]) for key in ("dtype", "encoder", "decoder")}
        return cls(**{**config, **networks})

    def _check_compiled(self):
        config = (self.get_compile_config() or {}) if self.compiled else {}
        given = [name for name in ("loss", "metrics", "weighted_metrics") if config.get(name) is not None]
        if given:
            raise ValueError(
                f"{type(self).__name__} brings its own loss and metrics: compile it with an optimizer alone. "
                f"Received: {', '.join(given)}"
            )

    def _check_trainable(self):
        if not self.trainable_variables:
            raise ValueError(
                f"there is nothing to train: set trainable = True on the model or on a network, and compile it again. "
                f"Received: a {type(self).__name__} whose weights are all frozen"
            )

    def _check_networks(self):
        """Call both networks once, so that they are built, and return the latent dimension."""
        wanted = "z (batch, latent)" if self.codes_per_image == 1 else "(mean, log_var), each (batch, latent)"
        shapes = _shapes_of(self.encoder, "encoder", IMAGE_SHAPE, wanted)
        if len(shapes) != self.codes_per_image or len(set(shapes)) > 1 or len(shapes[0]) != 2:
            raise ValueError(f"encoder must map images (batch, 28, 28, 1) to {wanted}. Received: shapes {shapes}")
        latent_dim = shapes[0][1]
        shapes = _shapes_of(self.decoder, "decoder", (latent_dim,), "images (batch, 28, 28, 1)")
        if shapes != [(1, *IMAGE_SHAPE)]:
            raise ValueError(
                f"decoder must map z (batch, {latent_dim}) to images (batch, 28, 28, 1). "
                f"Received: shapes {shapes} for one z"
            )
        return latent_dim


@keras.saving.register_keras_serializable(package="vae_keras")
class Autoencoder(LatentModel):
    """x' = D_theta(E_phi(x)), trained to minimise the mean of ‖x − x'‖² over images (slide rows L01 to L03).

    Args:
        encoder: model from images `(batch, 28, 28, 1)` to codes `(batch, latent)`.
        decoder: model from codes to images `(batch, 28, 28, 1)`.

    Raises:
        ValueError: the networks' shapes do not fit.
    """

    codes_per_image = 1

    def __init__(self, encoder: keras.Model, decoder: keras.Model, **kwargs: Any) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.code_box = self.add_weight(
            shape=(2, self.latent_dim), initializer="zeros", trainable=False, name="code_box"
        )

    def call(self, x, training=None):
        return self.decoder(self.encoder(x, training=training), training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean over the batch of ‖x − x'‖², a sum over pixels."""
        no_weights(sample_weight)
        squared_distance = reconstruction_loss(x, y_pred, sigma=math.sqrt(0.5))  # 2σ² = 1
        return _mean_over_batch(squared_distance) + _share(sum(self.losses))

    def fit(self, x=None, *args, **kwargs):
        """As `LatentModel.fit`; afterwards the model knows the box of its training codes, for `sample`."""
        history = super().fit(x, *args, **kwargs)
        codes = self.encoder.predict(x, steps=kwargs.get("steps_per_epoch"), verbose=0)
        self._keep_code_box(codes)
        return history

    def _keep_code_box(self, codes):
        """Keep the box of these training codes, `(n, latent)`, for `sample`; `fit` does."""
        self.code_box.assign(np.stack([codes.min(axis=0), codes.max(axis=0)]))

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Images `(n, 28, 28, 1)` → z `(n, latent)`, as a NumPy array."""
        return _in_batches(self.encoder, check_images(x))

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Decode n codes drawn evenly from the box of the training codes (slide row L07).

        An autoencoder has no distribution over z: the box is the simplest guess.

        Returns:
            `(n, 28, 28, 1)` in [0, 1].

        Raises:
            ValueError: n is not a whole number above 0.
            RuntimeError: the model has not been trained by `fit`.
        """
        low, high = ops.convert_to_numpy(self.code_box)
        if not np.any(high > low):
            raise RuntimeError("this autoencoder has no training codes to sample between: call fit first")
        return self.decode(
            low + (high - low) * keras.random.uniform((whole_number(n, "n"), self.latent_dim), seed=seed)
        )

    def _codes(self, x):
        return self.encode(x)

    def images_from(self, z: tf.Tensor) -> tf.Tensor:
        """`decode` for tensors: gradients pass."""
        return ops.clip(self.decoder(z), 0.0, 1.0)  # a decoder of one's own may leave [0, 1]


@keras.saving.register_keras_serializable(package="vae_keras")
class VAE(LatentModel):
    """Variational autoencoder (slide rows L08 to L24).

    Minimises, as a mean over images, reconstruction_weight · reconstruction + beta · KL(q(z|x) ‖ N(0, I)), in nats.
    The noise of a training step derives from (seed, step) alone, so a run can be repeated. (XLA and plain TensorFlow
    make different numbers of the same seed: compare runs of one kind.)

    Args:
        encoder: model from images `(batch, 28, 28, 1)` to `(mean, log_var)`, each `(batch, latent)`.
        decoder: model from z `(batch, latent)` to the pixels' logits `(batch, 28, 28, 1)`; x̂ is their sigmoid.
        likelihood: "gaussian", the lecture's ‖x − x̂‖² / (2σ²), or "bernoulli", cross-entropy.
        sigma: standard deviation of a pixel for "gaussian", above 0 (row L18); or "learned": one number, trained with
            the networks from 1 on, best by Adam. The attribute `sigma` says what it has become. The reconstruction
            loss is then ‖x − x̂‖² / (2σ²) + m log σ, without whose second term sigma would grow for ever; it is
            below 0 where sigma is small.
        beta: weight of KL, at least 0; 0 leaves only reconstruction (row L26).
        reconstruction_weight: at least 0; 0 leaves only KL (row L26).
        seed: integer; None draws one, which `keras.utils.set_random_seed` makes repeatable.

    Raises:
        ValueError: an option out of its range, or networks whose shapes do not fit.

    Source: Kingma and Welling 2014; beta: Higgins et al. 2017; learned sigma: Rybkin et al. 2021.
    """

    codes_per_image = 2

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        likelihood: str = "gaussian",
        sigma: float | str = 1.0,
        beta: float = 1.0,
        reconstruction_weight: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        one_of(likelihood, LIKELIHOODS, "likelihood")
        learns_sigma = _check_sigma(sigma, likelihood)
        not_negative(beta, "beta")
        not_negative(reconstruction_weight, "reconstruction_weight")
        seed = random.randrange(2**31) if seed is None else whole_number(seed, "seed", least=0)
        super().__init__(encoder, decoder, **kwargs)
        _check_logits(decoder)
        self.likelihood = likelihood
        self.fixed_sigma = None if learns_sigma else float(sigma)
        if learns_sigma:  # log sigma: any real number is valid
            self.log_sigma = self.add_weight(shape=(), initializer="zeros", dtype="float32", name="log_sigma")
        self.beta = float(beta)
        self.reconstruction_weight = float(reconstruction_weight)
        self.seed = seed
        self.sampling = Sampling(self.seed, dtype=self.dtype_policy)
        self.sampling.build(2 * [(None, self.latent_dim)])  # so that `summary` knows its shapes
        self.loss_tracker = _Mean(name="loss")
        self.reconstruction_tracker = _Mean(name="reconstruction_loss")
        self.kl_tracker = _Mean(name="kl_loss")

    @property
    def sigma(self) -> float:
        """Standard deviation of a pixel: as given, or as learned so far."""
        return math.exp(ops.convert_to_numpy(self.log_sigma)) if self.fixed_sigma is None else self.fixed_sigma

    @property
    def options(self) -> dict[str, Any]:
        """What makes this objective, as `VAE` is called with it, the seed apart."""
        options = {name: getattr(self, name) for name in ("likelihood", "beta", "reconstruction_weight")}
        return {**options, "sigma": "learned" if self.fixed_sigma is None else self.fixed_sigma}

    def call(self, x, training=None):
        """x̂ through the mean of q(z|x)."""
        mean, _ = self.encoder(x, training=training)
        return ops.sigmoid(self.decoder(mean, training=training))

    def loss_terms(
        self, x: tf.Tensor, noise_seed: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Reconstruction loss and KL of each image, `(batch,)` each, in nats, for one draw of z."""
        mean, log_var = self.encoder(x, training=training)  # (batch, latent) each
        z = self.sampling((mean, log_var), noise_seed=noise_seed)
        return self.reconstruction(x, z, training), kl_divergence(mean, log_var)

    def reconstruction(self, x: tf.Tensor, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Reconstruction loss of each image x when z is decoded, `(batch,)`, in nats."""
        logits = ops.cast(self.decoder(z, training=training), "float32")  # (batch, 28, 28, 1)
        if self.likelihood == "bernoulli":
            return bernoulli_loss(x, logits)
        if self.fixed_sigma is None:
            half_squared = reconstruction_loss(x, ops.sigmoid(logits))
            return half_squared * safe_exp(-2.0 * self.log_sigma) + PIXELS * self.log_sigma
        return reconstruction_loss(x, ops.sigmoid(logits), self.fixed_sigma)

    def train_step(self, data):
        x = images_of(data)
        noise_seed = self._noise_seed(self.optimizer.iterations)
        with tf.GradientTape() as tape:
            reconstruction, kl = self.loss_terms(x, noise_seed, training=True)
            loss = self.reconstruction_weight * reconstruction + self.beta * kl  # (batch,)
            objective = _mean_over_batch(loss) + _share(sum(self.losses))  # the latter: the networks' regularizers
            scaled = self.optimizer.scale_loss(objective)  # matters in float16 alone
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._track(loss, reconstruction, kl)

    def test_step(self, data):
        x = images_of(data)
        images_seen = ops.cast(self.loss_tracker.count, "int64")  # in this evaluation: its noise is its own
        reconstruction, kl = self.loss_terms(x, self._noise_seed(-1 - images_seen))
        return self._track(self.reconstruction_weight * reconstruction + self.beta * kl, reconstruction, kl)

    def _noise_seed(self, counter):
        """Two integers that decide a batch's noise: (seed, counter); each replica of a tf.distribute strategy counts
        from a number of its own, the first from 0.
        """
        replica = ops.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, "int64")
        return ops.stack([self.seed, ops.cast(counter, "int64") + replica * 2**32])

    def _track(self, loss, reconstruction, kl):
        """Count each image once, so that a short last batch weighs what it should."""
        self.loss_tracker.update_state(loss)
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return self.get_metrics_result()

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def encode(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images `(n, 28, 28, 1)` → `(mean, log_var)` of q(z|x), each `(n, latent)`, as NumPy arrays."""
        return _in_batches(self.encoder, check_images(x))

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Decode n draws from the prior N(0, I) (slide row L24).

        Returns:
            `(n, 28, 28, 1)` in [0, 1].

        Raises:
            ValueError: n is not a whole number above 0.
        """
        return self.decode(keras.random.normal((whole_number(n, "n"), self.latent_dim), seed=seed))

    def _codes(self, x):
        return self.encode(x)[0]

    def images_from(self, z: tf.Tensor) -> tf.Tensor:
        """`decode` for tensors: gradients pass."""
        return ops.sigmoid(ops.cast(self.decoder(z), "float32"))

    def get_config(self):
        return {**super().get_config(), **self.options, "seed": self.seed}


class _Mean(keras.metrics.Mean):
    """A mean over images that counts the steps that were not finite: it tells which term broke first."""

    def __init__(self, name):
        super().__init__(name)
        self.broken_steps = self.add_variable(shape=(), initializer="zeros", name="broken_steps")

    def update_state(self, values, sample_weight=None):
        super().update_state(values, sample_weight)
        self.broken_steps.assign_add(ops.cast(~ops.isfinite(ops.sum(values)), "float32"))


def make_autoencoder(latent_dim: int = 2, network: str = "dense", name: str = "autoencoder") -> Autoencoder:
    """An autoencoder, not yet compiled. network: "dense" or "conv"; name: shown while it trains."""
    encoder = make_encoder(latent_dim, network)
    return Autoencoder(encoder, make_decoder(latent_dim, network, activation="sigmoid"), name=name)


def make_vae(latent_dim: int = 2, network: str = "dense", **vae_options: Any) -> VAE:
    """A VAE, not yet compiled. network: "dense" or "conv"; the options are those of `VAE`."""
    encoder = make_encoder(latent_dim, network, heads=("mean", "log_var"))
    return VAE(encoder, make_decoder(latent_dim, network), **{"name": "vae", **vae_options})


def load_model(filepath: str | os.PathLike, **options: Any) -> Autoencoder | VAE:
    """Load a saved `Autoencoder` or `VAE`; as `keras.saving.load_model`, whose options it takes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else.
    """
    file = pathlib.Path(filepath)
    if not file.is_file():
        raise FileNotFoundError(f"there is no model to load. Received: filepath={str(file)!r}, which is not a file")
    weights_alone = "; a file of weights is loaded by a model's load_weights" if file.suffix == ".h5" else ""
    try:
        with zipfile.ZipFile(file) as archive:
            damaged, names = archive.testzip(), archive.namelist()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{file} is no .keras file, or was cut short: save the model again{weights_alone}. "
            f"Received: {file.stat().st_size} bytes, {_first_line(error)}"
        ) from error
    if damaged or "config.json" not in names:
        received = f"{damaged} does not have its checksum" if damaged else f"an archive of {', '.join(names[:3])}"
        raise ValueError(f"{file} is no .keras file, or is damaged: save the model again. Received: {received}")
    model = keras.saving.load_model(file, **options)
    if not isinstance(model, LatentModel):
        raise ValueError(
            f"{file} holds no Autoencoder or VAE: load it with keras.saving.load_model. "
            f"Received: a {type(model).__name__}"
        )
    return model


def _first_line(error):
    return str(error).partition("\n")[0]


def _check_sigma(sigma, likelihood):
    """Whether sigma is to be learned."""
    if not isinstance(sigma, str):
        above_zero(sigma, "sigma")
    elif sigma != "learned":
        raise ValueError(f"sigma must be a number above 0, or 'learned'. Received: sigma={sigma!r}")
    elif likelihood != "gaussian":
        raise ValueError(
            f"sigma='learned' needs likelihood='gaussian': the other one has no sigma. "
            f"Received: likelihood={likelihood!r}"
        )
    return isinstance(sigma, str)


def _check_logits(decoder):
    """A VAE's decoder gives logits: a sigmoid of its own would be followed by another. Seen where layers are known."""
    layers = [decoder]
    while layers and getattr(layers[-1], "layers", None):
        layers = [layer for layer in layers[-1].layers if not isinstance(layer, keras.layers.Reshape)]
    activation = getattr(layers[-1], "activation", None) if layers else None
    if getattr(activation, "__name__", None) == "sigmoid":
        raise ValueError(
            "decoder must give logits, because a VAE applies the sigmoid itself: leave out the last activation. "
            f"Received: decoder whose last layer, {layers[-1].name!r}, has activation='sigmoid'"
        )


def _in_batches(function, array, size=2000):
    """Apply a network to an array piece by piece; its outputs as float32 NumPy arrays."""
    pieces = [function(array[i : i + size]) for i in range(0, len(array), size)]
    if isinstance(pieces[0], (list, tuple)):
        return tuple(_joined(head) for head in zip(*pieces, strict=True))
    return _joined(pieces)


def _joined(pieces):
    return np.concatenate([ops.convert_to_numpy(ops.cast(piece, "float32")) for piece in pieces])


def _mean_over_batch(per_image):
    """Mean over the images of a batch; where a tf.distribute strategy splits the batch, this replica's share of it.

    Keras sums the replicas' gradients. Their parts of a short batch may differ in size, or be empty.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return ops.mean(per_image)
    return ops.sum(per_image) / replica.all_reduce("sum", ops.cast(ops.shape(per_image)[0], per_image.dtype))


def _share(value):
    """One replica's share of a value that all replicas compute alike."""
    return value / tf.distribute.get_strategy().num_replicas_in_sync


def _shapes_of(network, name, input_shape, wanted):
    """Shapes of a network's outputs for one input of zeros."""
    one = np.zeros((1, *input_shape), "float32")
    try:
        outputs = network(one)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be a Keras model from (batch, {', '.join(map(str, input_shape))}) to {wanted}. "
            f"Received: {getattr(network, 'input_shape', None) or type(network).__name__}"
        ) from error
    return [tuple(output.shape) for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
