"""What a caller gets wrong is answered by an error that says what was wrong and what was received."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import small_autoencoder, small_decoder, small_encoder, small_vae

import vae_keras
from vae_keras import (
    IWAE,
    VAE,
    Autoencoder,
    Sampling,
    Table,
    TensorBoard,
    active_units,
    bernoulli_loss,
    claim,
    coverage,
    distance_to_prior,
    effective_beta,
    elbo,
    explore,
    export_explorer,
    kl_divergence,
    linear_path,
    load_data,
    load_model,
    load_pretrained,
    log_likelihood,
    make_autoencoder,
    make_vae,
    reconstruction_loss,
    spherical_path,
    train,
    train_on_workers,
)
from vae_keras.measures import local_stretch, marginal_kl, nearest_distance, step_lengths

NAN, INF = float("nan"), float("inf")
WHOLE = r"{} must be a whole number, at least {}\. Received: {}="
ABOVE = r"{0} must be a number above 0 and finite\. Received: {0}="
NOT_NEGATIVE = r"{0} must be a number at least 0 and finite\. Received: {0}="


def whole(name, least=1):
    return WHOLE.format(name, least, name)


@pytest.fixture(scope="module")
def given(images, labels, tmp_path_factory):
    """What the calls below are made with."""
    models = {"vae": small_vae(), "ae": small_autoencoder()}
    for model in models.values():
        model.compile("sgd", jit_compile=False, run_eagerly=True)
    with_nan = images.copy()
    with_nan[3, 5] = NAN
    folder = tmp_path_factory.mktemp("given")
    models["vae"].save(folder / "vae.keras")
    small_vae(3).save_weights(folder / "other.weights.h5")
    (folder / "folder.keras").mkdir()
    (folder / "cut.keras").write_bytes((folder / "vae.keras").read_bytes()[:-9])
    mean, log_var = models["vae"].encode(images)
    return types.SimpleNamespace(
        x=images, y=labels, bytes=(images * 255).astype("uint8"), with_nan=with_nan, weights=np.ones(len(images)),
        mean=mean, log_var=log_var, pair=(np.zeros((4, 2)), np.zeros((4, 2))), folder=folder, **models
    )  # fmt: skip


def all_of(given):
    """What no mistake may change: the models, with their optimizers, and the files."""
    state = {str(file): file.read_bytes() for file in given.folder.rglob("*") if file.is_file()}
    for name, model in (("vae", given.vae), ("ae", given.ae)):
        for i, variable in enumerate([*model.weights, *model.optimizer.variables]):
            state[f"{name} {i}"] = variable.numpy().tobytes()
    return state


def spoiled(make):
    """A model compiled with what it brings itself."""

    def build(**compile_options):
        model = make()
        model.compile("sgd", **compile_options)
        return model

    return build


def uneven_encoder():
    images = keras.Input((28, 28, 1))
    x = keras.layers.Flatten()(images)
    return keras.Model(images, [keras.layers.Dense(size)(x) for size in (2, 3)])


def all_frozen(model):
    model.trainable = False
    model.compile("sgd", jit_compile=False, run_eagerly=True)
    return model


def untouched():
    """A VAE that training on good images leaves as it is."""
    vae = small_vae()
    vae.compile(keras.optimizers.SGD(0.0), jit_compile=False, run_eagerly=True)
    return vae


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return -(-len(self.x) // 64)

    def __getitem__(self, i):
        return (self.x[64 * i : 64 * (i + 1)],)


def batches(x, *more):
    return tf.data.Dataset.from_tensor_slices((x, *more) if more else x).batch(64)


BAD_IMAGES = {
    "bytes": (lambda g: (g.x * 255).astype("uint8"), TypeError, r"divide by 255.* Received: dtype=uint8"),
    "unscaled": (lambda g: g.x * 255, ValueError, r"lie in \[0, 1\]\. Received: values from 0 to 25"),
    "negative": (lambda g: g.x - 0.5, ValueError, r"lie in \[0, 1\]\. Received: values from -0\.5 to 0\.5"),
    "NaN": (lambda g: g.with_nan, ValueError, "must not hold NaN. Received: 28 NaN"),
    "infinite": (lambda g: g.x + INF, ValueError, "values from inf to inf"),
    "empty": (lambda g: g.x[:0], ValueError, r"at least one image. Received: shape=\(0, 28, 28, 1\)"),
    "no channel": (lambda g: g.x[..., 0], ValueError, r"must have shape \(n, .*\)\. Received: shape=\(130, 28, 28\)"),
    "flat": (lambda g: g.x.reshape(-1, 784), ValueError, r"Received: shape=\(130, 784\)"),
    "one image": (lambda g: g.x[0], ValueError, r"Received: shape=\(28, 28, 1\)"),
    "colour": (lambda g: g.x.repeat(3, axis=-1), ValueError, r"Received: shape=\(130, 28, 28, 3\)"),
    "channels first": (lambda g: g.x.transpose(0, 3, 1, 2), ValueError, r"Received: shape=\(130, 1, 28, 28\)"),
    "labels": (lambda g: g.y, TypeError, "Received: dtype=int64"),
    "booleans": (lambda g: g.x > 0.5, TypeError, "Received: dtype=bool"),
    "None": (lambda g: None, TypeError, "Received: a NoneType"),
    "text": (lambda g: "digits", TypeError, "Received: dtype=<U6"),
    "a generator": (lambda g: (image for image in g.x), TypeError, "Received: a generator"),
}
TAKE_IMAGES = {
    "vae.fit": lambda g, x: g.vae.fit(x, verbose=0),
    "vae.evaluate": lambda g, x: g.vae.evaluate(x, verbose=0),
    "vae.predict": lambda g, x: g.vae.predict(x, verbose=0),
    "vae.encode": lambda g, x: g.vae.encode(x),
    "vae.reconstruct": lambda g, x: g.vae.reconstruct(x),
    "vae.train_on_batch": lambda g, x: g.vae.train_on_batch(x),
    "vae.test_on_batch": lambda g, x: g.vae.test_on_batch(x),
    "vae.predict_on_batch": lambda g, x: g.vae.predict_on_batch(x),
    "ae.fit": lambda g, x: g.ae.fit(x, verbose=0),
    "ae.evaluate": lambda g, x: g.ae.evaluate(x, verbose=0),
    "ae.predict": lambda g, x: g.ae.predict(x, verbose=0),
    "ae.encode": lambda g, x: g.ae.encode(x),
    "ae.reconstruct": lambda g, x: g.ae.reconstruct(x),
    "ae.train_on_batch": lambda g, x: g.ae.train_on_batch(x),
    "ae.test_on_batch": lambda g, x: g.ae.test_on_batch(x),
    "ae.predict_on_batch": lambda g, x: g.ae.predict_on_batch(x),
    "train": lambda g, x: train(g.vae, x, verbose=False),
    "train_on_workers": lambda g, x: train_on_workers(small_vae, x, verbose=False),
    "train, held-out": lambda g, x: g.vae.fit(g.x, validation_data=(x, g.y), verbose=0),
    "elbo": lambda g, x: elbo(g.vae, x),
    "log_likelihood": lambda g, x: log_likelihood(g.vae, x, samples=2),
    "active_units": lambda g, x: active_units(g.vae, x),
    "explore": lambda g, x: explore(g.vae, x, g.y),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
@pytest.mark.parametrize("function", TAKE_IMAGES)
def test_what_is_not_images_is_refused(given, function, what):
    build, error, message = BAD_IMAGES[what]
    if what == "a generator" and function.split(".")[-1].split(",")[0] in ("fit", "evaluate", "predict", "train"):
        error = (TypeError, ValueError)
        message = r"Received: a generator|\[0\] must .*shape=\(28, 28, 1\)|gives batches"
    before = all_of(given)
    with pytest.raises(error, match=message):
        TAKE_IMAGES[function](given, build(given))
    assert all_of(given) == before


CALLS = [
    # datasets and their labels, weights, validation
    ("a dataset of bytes", lambda g: g.vae.fit(batches((g.x * 255).astype("uint8"))), ValueError, "Received: .*uint8"),
    ("a dataset of single images", lambda g: g.ae.fit(tf.data.Dataset.from_tensor_slices(g.x)), ValueError, "Received"),
    ("a dataset of labels", lambda g: g.vae.evaluate(batches(g.y)), ValueError, r"Received: .*\(None,\).*int64"),
    ("a dataset of dictionaries", lambda g: g.vae.fit(batches({"image": g.x})), ValueError, "Received: {'image'"),
    ("targets of another shape", lambda g: g.vae.fit(g.x, g.x[:, :14]), ValueError,
     r"y must hold images to be drawn, \(n, 28, 28, 1\), or class numbers, \(n,\)\. Received: shape=\(130, 14"),
    ("one-hot labels", lambda g: g.ae.fit(g.x, np.eye(10)[g.y]), ValueError, r"class numbers.*shape=\(130, 10\)"),
    ("targets in bytes", lambda g: g.ae.fit(g.x, g.bytes), TypeError, "y must hold floats .*divide by 255"),
    ("targets with NaN", lambda g: g.vae.fit(g.x, g.with_nan), ValueError, "y must not hold NaN"),
    ("one-hot labels in a dataset", lambda g: g.vae.fit(batches(g.x, np.zeros((130, 5, 5, 1)))), ValueError,
     "y must hold images to be drawn"),
    ("targets with NaN in a dataset", lambda g: untouched().fit(batches(g.x, g.with_nan), verbose=0), ValueError,
     r"y of x\[0\] must not hold NaN"),
    ("held-out targets in bytes", lambda g: g.ae.fit(g.x, validation_data=(g.x, g.bytes)), TypeError, "y must hold"),
    ("labels as validation_data", lambda g: g.vae.fit(g.x, validation_data=g.y), TypeError, "validation_data must"),
    ("bytes as validation_data", lambda g: train(g.vae, g.x, validation_data=(g.x * 255).astype("uint8")),
     TypeError, "validation_data must .* divide by 255"),
    ("an empty validation_data", lambda g: g.ae.fit(g.x, validation_data=()), ValueError, "validation_data must"),
    ("two images as validation_data", lambda g: g.ae.fit(g.x, validation_data=[g.x[0], g.x[1]]),
     ValueError, r"validation_data must have shape"),
    # compile
    ("a loss, VAE", lambda g: spoiled(small_vae)(loss="mse").fit(g.x), ValueError, "its own loss.* Received: loss"),
    ("a loss, AE", lambda g: spoiled(small_autoencoder)(loss="mse").fit(g.x), ValueError, "optimizer alone"),
    ("a loss, evaluate", lambda g: spoiled(small_vae)(loss="mse").evaluate(g.x), ValueError, "Received: loss"),
    ("a loss, train_on_batch", lambda g: spoiled(small_vae)(loss="mse").train_on_batch(g.x), ValueError, "its own"),
    ("metrics", lambda g: spoiled(small_vae)(metrics=["mse"]).fit(g.x), ValueError, "Received: metrics"),
    ("metrics, AE", lambda g: spoiled(small_autoencoder)(metrics=["mse"]).fit(g.x), ValueError, "Received: metrics"),
    ("not compiled, fit", lambda g: small_vae().fit(g.x), ValueError, r"call `compile\(\)`"),
    ("not compiled, evaluate", lambda g: small_autoencoder().evaluate(g.x), ValueError, r"call `compile\(\)`"),
    # train
    ("model and images swapped", lambda g: train(g.x, g.vae), TypeError, "train needs .* Received: a ndarray"),
    ("a network of one's own", lambda g: train(small_encoder(), g.x), TypeError, "an Autoencoder or a VAE"),
    ("a dataset of bytes for train", lambda g: train(g.vae, batches(g.bytes)), ValueError, "Received: .*uint8"),
    ("an endless dataset for train", lambda g: train(g.vae, batches(g.x).repeat()), ValueError, "x must end"),
    ("a dataset and targets for train", lambda g: train(g.vae, batches(g.x), y=g.x), ValueError, "in the dataset"),
    ("weights of classes that are not given", lambda g: g.vae.fit(g.x, class_weight={1: 2.0}), ValueError, "no y"),
    ("classes as words", lambda g: g.vae.fit(g.x, np.array(["a"] * len(g.x))), ValueError, "class numbers, or images"),
    ("targets of another shape for train", lambda g: train(g.vae, g.x, y=g.x[:, :14]), ValueError, "y must hold"),
    ("an optimizer's name for train", lambda g: train(g.vae, g.x, optimizer="adam"), TypeError,
     "optimizer must be a Keras optimizer.* Received: a str"),
    *[(f"epochs={n!r}", lambda g, n=n: train(g.vae, g.x, epochs=n), ValueError, whole("epochs"))
      for n in (0, -1, 1.5, "3", None, NAN)],
    *[(f"batch_size={n!r}", lambda g, n=n: train(g.vae, g.x, batch_size=n), ValueError, whole("batch_size"))
      for n in (0, -1, 1.5)],
    *[(f"learning_rate={v!r}", lambda g, v=v: train(g.vae, g.x, learning_rate=v), ValueError,
       ABOVE.format("learning_rate")) for v in (0, -1e-3, NAN, INF, "fast")],
    ("a seed of text for train", lambda g: train(g.vae, g.x, seed="a"), ValueError, whole("seed", 0)),
    # train_on_workers, on one
    ("a model in place of build", lambda g: train_on_workers(g.vae, g.x), TypeError,
     "build must be a function that makes the model. Received: a VAE"),
    ("build and images swapped", lambda g: train_on_workers(g.x, small_vae), TypeError, "Received: a ndarray"),
    ("a build that returns a network", lambda g: train_on_workers(small_encoder, g.x), TypeError,
     "build must return an Autoencoder or a VAE. Received: a Functional"),
    ("a build without a return", lambda g: train_on_workers(lambda: None, g.x), TypeError, "Received: a NoneType"),
    *[(f"{name}={v!r} for workers", lambda g, name=name, v=v: train_on_workers(small_vae, g.x, **{name: v}), ValueError,
       whole(name, 0 if name == "seed" else 1)) for name, v in (("epochs", 0), ("batch_size", 1.5), ("seed", "a"))],
    ("learning_rate=0 for workers", lambda g: train_on_workers(small_vae, g.x, learning_rate=0), ValueError,
     ABOVE.format("learning_rate")),
    ("save_as without its ending, workers", lambda g: train_on_workers(small_vae, g.x, save_as="vae"), ValueError,
     "save_as must name a file that ends in .keras. Received: save_as='vae'"),
    ("a function that gives bytes", lambda g: train_on_workers(small_vae, lambda: g.bytes), TypeError, "divide by 255"),
    ("bytes, held out", lambda g: train_on_workers(small_vae, g.x, validation_data=g.bytes), TypeError,
     "validation_data must .* divide by 255"),
    # networks and models
    *[(f"{make.__name__}({n!r})", lambda g, make=make, n=n: make(n), ValueError, whole("latent_dim"))
      for make in (make_autoencoder, make_vae) for n in (0, -1, 2.5, "2", "two", None, True, NAN, INF)],
    ("an unknown network", lambda g: make_vae(network="denze"), ValueError, "'dense', 'conv'.*network='denze'"),
    ("a number for a network", lambda g: make_vae(network=128), ValueError, r"such as \(128, 64\).*network=128"),
    ("a layer without units", lambda g: make_vae(network=(128, 0)), ValueError, "network's units must be a whole.*=0"),
    ("an unknown likelihood", lambda g: make_vae(likelihood="gausian"), ValueError,
     "'gaussian', 'bernoulli'.*likelihood='gausian'"),
    *[(f"sigma={v!r}", lambda g, v=v: make_vae(sigma=v), ValueError, ABOVE.format("sigma"))
      for v in (0, -1, NAN, INF, None, [1.0, 2.0])],
    *[(f"sigma={v!r}", lambda g, v=v: make_vae(sigma=v), ValueError, f"above 0, or 'learned'. Received: sigma={v!r}")
      for v in ("1", "learnd", "learnt")],
    ("a learned sigma without a sigma", lambda g: make_vae(likelihood="bernoulli", sigma="learned"), ValueError,
     "needs likelihood='gaussian'.* Received: likelihood='bernoulli'"),
    *[(f"IWAE, samples={n!r}", lambda g, n=n: IWAE(small_encoder(), small_decoder(), samples=n), ValueError,
       whole("samples")) for n in (0, -1, 2.5, "5", None)],
    ("IWAE, a misspelt option", lambda g: IWAE(small_encoder(), small_decoder(), sample=5), ValueError,
     "Unrecognized keyword arguments .*sample"),
    *[(f"{name}={v!r}", lambda g, name=name, v=v: make_vae(**{name: v}), ValueError, NOT_NEGATIVE.format(name))
      for name in ("beta", "reconstruction_weight") for v in (-0.1, NAN, INF, "1", None)],
    *[(f"seed={v!r}", lambda g, v=v: make_vae(seed=v), ValueError, whole("seed", 0)) for v in (-1, 1.5, "a")],
    ("a misspelt option", lambda g: make_vae(sigm=1.0), ValueError, "Unrecognized keyword arguments .*sigm"),
    ("encoder and decoder swapped", lambda g: VAE(small_decoder(), small_encoder()), ValueError,
     r"encoder must be a Keras model from \(batch, 28, 28, 1\).* Received: \(None, 2\)"),
    ("an autoencoder's encoder in a VAE", lambda g: VAE(small_encoder(("code",)), small_decoder()), ValueError,
     r"\(mean, log_var\).* Received: shapes \[\(1, 2\)\]"),
    ("a VAE's encoder in an autoencoder", lambda g: Autoencoder(small_encoder(), small_decoder()), ValueError,
     r"encoder must map images \(batch, 28, 28, 1\) to z \(batch, latent\)\. "
     r"Received: shapes \[\(1, 2\), \(1, 2\)\]"),
    ("heads of different shapes", lambda g: VAE(uneven_encoder(), small_decoder()), ValueError,
     r"encoder must map .*\(mean, log_var\).* Received: shapes \[\(1, 2\), \(1, 3\)\]"),
    ("another latent dimension", lambda g: VAE(small_encoder(), small_decoder(3)), ValueError,
     r"decoder must be .* from \(batch, 2\).* Received: \(None, 3\)"),
    ("a decoder of flat images", lambda g: Autoencoder(small_encoder(("code",)), keras.layers.Dense(784)), ValueError,
     r"decoder must map .* Received: shapes \[\(1, 784\)\]"),
    ("a decoder of small images", lambda g: Autoencoder(small_encoder(("code",)), keras.Sequential(
        [keras.layers.Dense(49), keras.layers.Reshape((7, 7, 1))])), ValueError, r"shapes \[\(1, 7, 7, 1\)\]"),
    ("an encoder to one number", lambda g: Autoencoder(keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(1), keras.layers.Reshape(())]), small_decoder(1)), ValueError,
     r"z \(batch, latent\)\. Received: shapes \[\(1,\)\]"),
    ("an encoder that does not flatten", lambda g: Autoencoder(keras.layers.Dense(2), small_decoder()), ValueError,
     "encoder must map images"),
    ("a name for a network", lambda g: Autoencoder("dense", small_decoder()), ValueError, "Received: str"),
    ("a name that TensorFlow refuses", lambda g: make_vae(name="only KL"), ValueError, "name may hold.*name='only KL'"),
    # coding, decoding, sampling, paths
    ("codes of another width", lambda g: g.vae.decode(np.zeros((4, 3))), ValueError, r"\(n, 2\).* shape=\(4, 3\)"),
    ("narrower codes", lambda g: g.vae.decode(np.zeros((4, 1))), ValueError, r"\(n, 2\).* shape=\(4, 1\)"),
    ("codes in a stack", lambda g: g.vae.decode(np.zeros((4, 2, 2))), ValueError, r"\(n, 2\).* shape=\(4, 2, 2\)"),
    ("one code", lambda g: g.ae.decode(np.zeros(2)), ValueError, r"\(n, 2\).* shape=\(2,\)"),
    ("no code", lambda g: g.ae.decode(np.zeros((0, 2))), ValueError, r"at least 1.* shape=\(0, 2\)"),
    ("a NaN code", lambda g: g.vae.decode([[0.0, NAN], [0.0, 1.0]]), ValueError, "finite. Received: 1 value"),
    ("an infinite code", lambda g: g.ae.decode([[INF, 0.0]]), ValueError, "finite. Received: 1 value"),
    *[(f"sample({n!r})", lambda g, n=n: g.vae.sample(n), ValueError, whole("n")) for n in (0, -1, 2.5, "3", None)],
    ("interpolate, a batch", lambda g: g.vae.interpolate(g.x, g.x[0]), ValueError, r"x_a must be one image.*\(130, 28"),
    ("interpolate, two images", lambda g: g.ae.interpolate(g.x[0], g.x[:2]), ValueError, "x_b must be one image"),
    ("interpolate, codes", lambda g: g.ae.interpolate(np.zeros(2), g.x[0]), ValueError, r"x_a .*shape=\(2,\)"),
    ("interpolate, bytes", lambda g: g.ae.interpolate((g.x[0] * 255).astype("uint8"), g.x[0]), TypeError,
     "divide by 255"),
    ("an unknown path", lambda g: g.vae.interpolate(g.x[0], g.x[1], path="spiral"), ValueError,
     "'linear', 'spherical'.*path='spiral'"),
    *[(f"steps={n!r}", lambda g, n=n: g.vae.interpolate(g.x[0], g.x[1], steps=n), ValueError, whole("steps", 2))
      for n in (1, 0, 2.5, "9", None)],
    *[(f"{path.__name__} of different codes", lambda g, path=path: path(np.zeros(2), np.zeros(3)), ValueError,
       r"same shape.*z_a.shape=\(2,\), z_b.shape=\(3,\)") for path in (linear_path, spherical_path)],
    *[(f"{path.__name__} of batches", lambda g, path=path: path(np.zeros((1, 2)), np.zeros((1, 2))), ValueError,
       r"\(latent,\).*z_a.shape=\(1, 2\)") for path in (linear_path, spherical_path)],
    *[(f"{path.__name__} from NaN", lambda g, path=path: path(np.array([NAN, 0]), np.ones(2)), ValueError,
       "finite codes. Received") for path in (linear_path, spherical_path)],
    # losses and layers
    ("KL of different shapes", lambda g: kl_divergence(np.zeros((4, 2)), np.zeros((4, 3))), ValueError,
     r"mean and log_var .*mean.shape=\(4, 2\), log_var.shape=\(4, 3\)"),
    ("KL of a batch and one", lambda g: kl_divergence(np.zeros((4, 2)), np.zeros(2)), ValueError, "same shape"),
    *[(f"Sampling, seed={v!r}", lambda g, v=v: Sampling(seed=v), ValueError, whole("seed", 0))
      for v in ("a", -1, 1.5, True)],
    ("squared error of different shapes", lambda g: reconstruction_loss(g.x, g.x[..., 0]), ValueError,
     r"x and x_hat .*x_hat.shape=\(130, 28, 28\)"),
    ("cross-entropy of different shapes", lambda g: bernoulli_loss(g.x, g.x[:1]), ValueError, "x and logits .*shape"),
    *[(f"reconstruction_loss, sigma={v!r}", lambda g, v=v: reconstruction_loss(g.x, g.x, v), ValueError,
       ABOVE.format("sigma")) for v in (0, -1, NAN, INF, "1")],
    # measures
    ("active_units of one image", lambda g: active_units(g.vae, g.x[:1]), ValueError, "two images.* Received: 1"),
    *[(f"threshold={v!r}", lambda g, v=v: active_units(g.vae, g.x, v), ValueError, NOT_NEGATIVE.format("threshold"))
      for v in (-1, NAN, "0.01")],
    *[(f"{bound.__name__}, samples={n!r}", lambda g, bound=bound, n=n: bound(g.vae, g.x, samples=n), ValueError,
       whole("samples")) for bound in (elbo, log_likelihood) for n in (0, -1, 1.5, "5")],
    *[(f"{measure.__name__} of an autoencoder", lambda g, measure=measure: measure(g.ae, g.x), TypeError,
       "needs a VAE.* Received: Autoencoder") for measure in (elbo, log_likelihood, active_units)],
    ("coverage of different shapes", lambda g: coverage(g.x, g.x[:, :14]), ValueError, "rows of one shape"),
    ("distance_to_prior of one code", lambda g: distance_to_prior(np.zeros((1, 2))), ValueError, "n at least 2"),
    ("a table of nothing", lambda g: Table({}), TypeError, "rows must be a dictionary.* Received: an empty one"),
    ("effective_beta, unknown term", lambda g: effective_beta("mse"), ValueError,
     "'half_squared', .*reconstruction='mse'"),
    ("effective_beta, pixels", lambda g: effective_beta(pixels="max"), ValueError, "'sum', 'mean'.*pixels='max'"),
    ("effective_beta, latents", lambda g: effective_beta(latents="max"), ValueError, "latents='max'"),
    *[(f"effective_beta, reconstruction_weight={v!r}", lambda g, v=v: effective_beta(reconstruction_weight=v),
       ValueError, ABOVE.format("reconstruction_weight")) for v in (0, -1, NAN, INF)],
    ("effective_beta, kl_weight=-1", lambda g: effective_beta(kl_weight=-1), ValueError,
     NOT_NEGATIVE.format("kl_weight")),
    ("effective_beta, latent_dim=0", lambda g: effective_beta(latent_dim=0), ValueError, whole("latent_dim")),
    ("effective_beta, n_pixels=0", lambda g: effective_beta(n_pixels=0), ValueError, whole("n_pixels")),
    ("marginal_kl of different shapes", lambda g: marginal_kl(np.zeros((4, 2)), np.zeros((3, 2))), ValueError,
     r"mean.shape=\(4, 2\), log_var.shape=\(3, 2\)"),
    ("marginal_kl of nothing", lambda g: marginal_kl(np.zeros((0, 2)), np.zeros((0, 2))), ValueError, "n at least 1"),
    ("marginal_kl of NaN", lambda g: marginal_kl(np.full((4, 2), NAN), np.zeros((4, 2))), ValueError, "finite"),
    ("marginal_kl, samples=0", lambda g: marginal_kl(np.zeros((4, 2)), np.zeros((4, 2)), 0), ValueError,
     whole("samples")),
    ("nearest_distance to nothing", lambda g: nearest_distance(g.x, g.x[:0]), ValueError, r"b.shape=\(0, 28"),
    ("nearest_distance of unlike rows", lambda g: nearest_distance(g.x, np.zeros((4, 5))), ValueError, "one shape"),
    ("step_lengths of one image", lambda g: step_lengths(g.x[:1]), ValueError, "two images. Received: 1"),
    ("local_stretch, other width", lambda g: local_stretch(g.vae, np.zeros((4, 3))), ValueError, r"shape=\(4, 3\)"),
    # claims and data
    ("a claim about many values", lambda g: claim("s", g.x > 0), TypeError, r"truth value.* shape \(130, 28"),
    ("a claim about none", lambda g: claim("s", np.array([], dtype=bool)), TypeError, "one truth value"),
    ("a claim that is a number", lambda g: claim("s", NAN), TypeError, "Received: holds=nan"),
    ("a claim that is text", lambda g: claim("s", "False"), TypeError, "Received: holds='False'"),
    ("a claim that is None", lambda g: claim("s", None), TypeError, "Received: holds=None"),
    ("an unknown data set", lambda g: load_data("mnits"), ValueError, "'mnist'.* Received: name='mnits'"),
    # values in a dataset, seen batch by batch
    *[(f"a dataset {what}, {name}", lambda g, build=build, call=call: call(g, batches(build(g))), ValueError,
       r"^x\[0\] must " + message)
      for what, build, message in (("of unscaled images", lambda g: g.x * 255, "lie in"),
                                   ("with NaN", lambda g: g.with_nan, "not hold NaN. Received: 28"))
      for name, call in (("VAE.fit", lambda g, x: g.vae.fit(x, verbose=0)),
                         ("AE.fit", lambda g, x: g.ae.fit(x, verbose=0)),
                         ("evaluate", lambda g, x: g.vae.evaluate(x, verbose=0)),
                         ("predict", lambda g, x: g.ae.predict(x, verbose=0)))],
    ("a held-out dataset with NaN", lambda g: untouched().fit(g.x, validation_data=batches(g.with_nan), verbose=0),
     ValueError, r"^validation_data\[0\] must not hold NaN"),
    ("an empty dataset", lambda g: g.ae.fit(batches(g.x[:0])),
     ValueError, "at least one batch. Received: an empty dat"),
    ("a PyDataset of bytes", lambda g: g.vae.fit(Batches(g.bytes)), TypeError, r"x\[0\] must .* dtype=uint8"),
    ("a PyDataset of labels", lambda g: g.ae.predict(Batches(g.y)), TypeError, r"x\[0\] must .* dtype=int64"),
    ("an empty PyDataset", lambda g: g.ae.evaluate(Batches(g.x[:0])), ValueError, "of length 0"),
    # numbers of Keras' own methods
    *[(f"fit, epochs={n!r}", lambda g, n=n: g.ae.fit(g.x, epochs=n), ValueError, whole("epochs"))
      for n in (0, 1.5, "3", None)],
    *[(f"{name}, batch_size={n!r}", lambda g, call=call, n=n: call(g, n), ValueError, whole("batch_size"))
      for n in (0, -1, 1.5, "3")
      for name, call in (("fit", lambda g, n: g.ae.fit(g.x, batch_size=n)),
                         ("evaluate", lambda g, n: g.vae.evaluate(g.x, batch_size=n)),
                         ("predict", lambda g, n: g.vae.predict(g.x, batch_size=n)))],
    ("a frozen VAE", lambda g: all_frozen(small_vae()).fit(g.x), ValueError, "nothing to train: set trainable = True"),
    ("a frozen AE", lambda g: all_frozen(small_autoencoder()).train_on_batch(g.x), ValueError, "nothing to train"),
    ("a decoder with a sigmoid", lambda g: VAE(small_encoder(), small_decoder(activation="sigmoid")), ValueError,
     "must give logits.* Received: a decoder whose values end at 0 and 1"),
    ("a conv decoder with a sigmoid", lambda g: VAE(small_encoder(), small_decoder(2, "conv", "sigmoid")), ValueError,
     "leave out the last activation"),
    ("a sigmoid as a layer", lambda g: VAE(small_encoder(), keras.Sequential(
        [small_decoder(), keras.layers.Activation("sigmoid")])), ValueError, "leave out the last activation"),
    ("a decoder that is None", lambda g: VAE(small_encoder(), None),
     ValueError, "decoder must be .* Received: NoneType"),
    ("a name that is a number", lambda g: make_autoencoder(name=3), ValueError, "name may hold.*name=3"),
    ("a likelihood in a list", lambda g: make_vae(likelihood=["gaussian"]), ValueError, "likelihood must be one of"),
    ("an unknown precision", lambda g: make_vae(dtype="float17"), ValueError, "Cannot convert 'float17'"),
    # coding, decoding
    *[(f"{name}.decode({z!r})", lambda g, name=name, z=z: getattr(g, name).decode(z), TypeError,
       f"z must hold numbers.* Received: a {kind}")
      for name in ("vae", "ae") for z, kind in (("a", "str"), ([[1, 2], [3]], "list"))],
    ("decode, a pair", lambda g: g.vae.decode(g.vae.encode(g.x)), ValueError, r"z must .*shape=\(2, 130, 2\)"),
    ("a path in a list", lambda g: g.ae.interpolate(g.x[0], g.x[1], path=["linear"]),
     ValueError, "path must be one of"),
    ("interpolate, None", lambda g: g.vae.interpolate(None, g.x[1]), ValueError, r"x_a must be .*shape=\(\)"),
    ("interpolate, NaN", lambda g: g.vae.interpolate(g.with_nan[3], g.x[1]), ValueError, "must not hold NaN"),
    ("ae.sample before fit", lambda g: g.ae.sample(3), RuntimeError, "call fit first"),
    ("sample, a seed of text", lambda g: g.vae.sample(3, seed="a"), ValueError, "seed=a"),
    *[(f"images_from of {name}", lambda g, name=name: getattr(g, name).images_from(np.zeros((4, 3), "float32")),
       ValueError,
       r"expected shape=\(None, 2\), found shape=\(4, 3\)") for name in ("vae", "ae")],
    # the terms of the losses
    ("reconstruction of other codes", lambda g: g.vae.reconstruction(g.x, np.zeros((3, 2), "float32")), ValueError,
     r"x and logits must|x and x_hat must .*\(3, 28, 28, 1\)"),
    *[(f"{loss.__name__} of {value!r}", lambda g, loss=loss, value=value: loss(g.x, value), TypeError,
       f"must be a tensor of numbers. Received: a {kind}")
      for loss in (kl_divergence, reconstruction_loss, bernoulli_loss)
      for value, kind in ((None, "NoneType"), ("a", "str"), ([[1], [1, 2]], "list"))],
    ("KL of numbers", lambda g: kl_divergence(1.0, 0.0), ValueError, "single numbers"),
    # measures, claims, data
    ("images and labels at once", lambda g: elbo(g.vae, (g.x, g.y)),
     TypeError, "one array of images. Received: a tuple"),
    ("labels for epochs", lambda g: train(g.vae, g.x, g.y), ValueError, "epochs must be a whole number"),
    ("effective_beta, a list", lambda g: effective_beta(["squared"]), ValueError, "reconstruction must be one of"),
    ("a data set in a list", lambda g: load_data(["mnist"]), ValueError, r"Received: name=\['mnist'\]"),
    ("a data set's number", lambda g: load_data(3), ValueError, "Received: name=3"),
    ("explore a network", lambda g: explore(g.ae.encoder, g.x, g.y), TypeError, "needs a VAE or an Autoencoder"),
    ("explore one dimension", lambda g: explore(small_vae(1), g.x, g.y), ValueError, "at least two .*latent_dim=1"),
    ("explore nothing", lambda g: explore({}, g.x, g.y), ValueError, "at least one model"),
    ("explore a list", lambda g: explore([g.vae], g.x, g.y), TypeError, "a dictionary name → model. Received: a list"),
    ("explore a mixture", lambda g: explore({"a": g.vae, "b": 3}, g.x, g.y), TypeError, "Received: a int"),
    ("explore other dimensions", lambda g: explore({"a": g.vae, "b": small_vae(3)}, g.x, g.y), ValueError,
     r"one latent dimension. Received: latent_dim=\[2, 3\]"),
    ("export_explorer to a folder", lambda g: export_explorer(g.vae, g.folder / "folder.keras", g.x, g.y),
     IsADirectoryError, "folder.keras"),
    ("export_explorer, no path", lambda g: export_explorer(g.vae, g.x, g.y), TypeError, "path must name a file"),
    *[(f"explore, labels {what}", lambda g, build=build: explore(g.vae, g.x, build(g.y)), ValueError,
       "y must hold one class for each image, 130 numbers or texts. Received")
      for what, build in (("of five", lambda y: y[:5]), ("between", lambda y: y + 0.5))],
    # files
    *[(f"train, save_as {what}", lambda g, build=build: train(g.vae, g.x, save_as=build(g.folder)), error, message)
      for what, build, error, message in (
          ("without its ending", lambda folder: folder / "vae", ValueError, "save_as must name a file that ends in"),
          ("of True", lambda folder: True, ValueError, "ends in .keras. Received: save_as=True"),
          ("in no folder", lambda folder: folder / "no" / "vae.keras", FileNotFoundError, "make it first"),
          ("a folder", lambda folder: folder / "folder.keras", IsADirectoryError, "name a file to write"))],
    ("a folder that is not there", lambda g: g.vae.save(g.folder / "no" / "vae.keras"), FileNotFoundError,
     "folder to save in does not exist: make it first"),
    ("a folder for a file", lambda g: g.vae.save(g.folder / "folder.keras"), IsADirectoryError,
     "this is a folder: name a file to write"),
    ("no ending", lambda g: g.ae.save(g.folder / "vae"), ValueError, "Please add either a `.keras` extension"),
    ("weights without their ending", lambda g: g.ae.save_weights(g.folder / "vae.keras"), ValueError, "must end in"),
    ("weights, no folder", lambda g: g.vae.save_weights(g.folder / "no" / "a.weights.h5"), FileNotFoundError,
     "make it first"),
    ("weights that are not there", lambda g: g.ae.load_weights(g.folder / "a.weights.h5"), FileNotFoundError,
     "No such file"),
    ("weights of other networks", lambda g: g.vae.load_weights(g.folder / "other.weights.h5"), ValueError,
     "holds no weights for this model"),
    ("weights of another model", lambda g: g.ae.load_weights(g.folder / "other.weights.h5"), ValueError,
     "holds no weights for this model"),
    ("export to a format that is not there", lambda g: g.vae.export(g.folder / "e", format="tfx"), ValueError, "tfx"),
    ("export of an autoencoder", lambda g: g.ae.export(g.folder / "e", format="tfx"), ValueError, "tfx"),
    ("a model cut short", lambda g: load_model(g.folder / "cut.keras"), ValueError, "was cut short"),
    ("a model that is not there", lambda g: load_model(g.folder / "ae.keras"), FileNotFoundError, "no model to load"),
    ("a pretrained model that is not there", lambda g: load_pretrained("vae-3d"), ValueError, "'ae-16d'. .*'vae-3d'"),
    ("bytes for TensorBoard", lambda g: TensorBoard(g.folder / "logs", g.bytes), TypeError, "divide by 255 first"),
]  # fmt: skip


# Where Keras itself says what is wrong, in more lines than one
KERAS_SAYS = [
    ("Sampling of one tensor", lambda g: Sampling()(g.pair[0]), TypeError, r"a pair \(mean, log_var\). Received"),
    ("Sampling of three", lambda g: Sampling()((*g.pair, g.pair[0])), TypeError, r"a pair \(mean, log_var\). Received"),
    ("Sampling of two shapes", lambda g: Sampling()((g.pair[0], g.pair[1][:, :1])), ValueError,
     r"mean and log_var must have the same shape.*log_var.shape=\(4, 1\)"),
    ("loss_terms of another target", lambda g: g.vae.loss_terms(g.x, g.x[:3]), ValueError, "must have the same shape"),
    *[(f"call {name} on flat images", lambda g, name=name: getattr(g, name)(g.x.reshape(-1, 784)), ValueError,
       r"expected shape=\(None, 28, 28, 1\), found shape=\(130, 784\)") for name in ("vae", "ae")],
    ("labels of another length", lambda g: g.vae.fit(g.x, g.y[:5], verbose=0), ValueError,
     "as many. Received: 130 and 5"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # Keras says so before it refuses
@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_mistake_is_named(given, call, error, message):
    before = all_of(given)
    with pytest.raises(error, match=message) as caught:
        call(given)
    assert type(caught.value) is error  # and not what TensorFlow makes of it
    assert str(caught.value).count("\n") == 0
    assert all_of(given) == before


@pytest.mark.parametrize(
    ("call", "error", "message"), [row[1:] for row in KERAS_SAYS], ids=[row[0] for row in KERAS_SAYS]
)
def test_a_mistake_that_keras_finds_is_named(given, call, error, message):
    before = all_of(given)
    with pytest.raises(error, match=message) as caught:
        call(given)
    assert type(caught.value) is error
    assert all_of(given) == before


NOTHING_TO_MISUSE = {
    "call": "what a model or a layer is called through; its rows say `call`",
    "check_ready": "called by fit and its kind; their rows say how",
    "track": "called by a step",
    "random_states": "takes nothing",
    "from_config": "Keras calls it, with what get_config gave it",
    "get_config": "takes nothing",
    "load_own_variables": "Keras calls it, from load_model and load_weights",
    "save_own_variables": "Keras calls it, from save and save_weights",
    "TerminateOnNaN": "takes nothing",
    "test_step": "Keras calls it, from evaluate and test_on_batch",
    "train_step": "Keras calls it, from fit and train_on_batch",
}


def names_in(function):
    """What a row's function mentions, in its code or in what it was made with."""
    made_with = [value for value in function.__defaults__ or () if callable(value) or isinstance(value, str)]
    inner = [name for value in made_with if hasattr(value, "__code__") for name in value.__code__.co_names]
    return {*function.__code__.co_names, *inner, *(getattr(value, "__name__", value) for value in made_with)}


def test_every_public_name_has_a_row():
    mentioned = [names_in(row[1]) for row in CALLS + KERAS_SAYS] + [names_in(call) for call in TAKE_IMAGES.values()]
    elsewhere = {name for name in vae_keras.__all__ if name.startswith("plot_")}  # in test_plots_arguments.py
    functions = set(vae_keras.__all__) - elsewhere - {"Autoencoder", "VAE", "Sampling"}
    missing = functions - set.union(*mentioned) - set(NOTHING_TO_MISUSE)
    for model, kind in (("vae", VAE), ("ae", Autoencoder)):
        classes = [base for base in kind.__mro__ if base.__module__.startswith("vae_keras")]
        public = {name for base in classes for name, value in vars(base).items() if callable(value) and name[0] != "_"}
        rows = set.union(*(names for names in mentioned if model in names))
        missing |= {f"{kind.__name__}.{name}" for name in public - rows - set(NOTHING_TO_MISUSE)}
    assert not missing


def test_a_batch_that_is_wrong_is_named_whatever_gives_the_batches(images):
    good_first = np.concatenate([images[:64], 255 * images[64:]])
    vae = untouched()
    feeds = {
        "a PyDataset": lambda: Batches(good_first),
        "a dataset": lambda: batches(good_first),
        "a generator": lambda: (good_first[i : i + 64] for i in (0, 64)),
    }
    for feed in feeds.values():
        for method in (vae.fit, vae.evaluate, vae.predict):
            with pytest.raises(ValueError, match=r"^x\[1\] must lie in \[0, 1\]\. Received: values from 0 to 255$"):
                method(feed(), verbose=0)
