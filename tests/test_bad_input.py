"""What a caller gets wrong is answered by an error that says what was wrong and what was received."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import small_autoencoder, small_decoder, small_encoder, small_vae

from vae_keras import (
    VAE,
    Autoencoder,
    Sampling,
    active_units,
    bernoulli_loss,
    claim,
    effective_beta,
    elbo,
    kl_divergence,
    linear_path,
    load_data,
    log_likelihood,
    make_autoencoder,
    make_vae,
    plot_density,
    plot_gaussians,
    plot_manifold,
    plot_schema,
    reconstruction_loss,
    spherical_path,
    train,
)
from vae_keras.measures import local_stretch, marginal_kl, nearest_distance, step_lengths

NAN, INF = float("nan"), float("inf")
WHOLE = r"{} must be a whole number, at least {}\. Received: {}="
ABOVE = r"{0} must be a number above 0 and finite\. Received: {0}="
NOT_NEGATIVE = r"{0} must be a number at least 0 and finite\. Received: {0}="


def whole(name, least=1):
    return WHOLE.format(name, least, name)


@pytest.fixture(scope="module")
def given(images, labels):
    """What the calls below are made with."""
    models = {"vae": small_vae(), "ae": small_autoencoder()}
    for model in models.values():
        model.compile("sgd", jit_compile=False, run_eagerly=True)
    with_nan = images.copy()
    with_nan[3, 5] = NAN
    return types.SimpleNamespace(x=images, y=labels, with_nan=with_nan, weights=np.ones(len(images)), **models)


def spoiled(make):
    """A model compiled with what it brings itself."""

    def build(**compile_options):
        model = make()
        model.compile("sgd", **compile_options)
        return model

    return build


def tangle():
    """A decoder in which a layer does not follow the one before it."""
    z = keras.Input((2,))
    pixels = keras.layers.Dense(784)(z) + keras.layers.Dense(784)(z)
    return keras.Model(z, keras.layers.Reshape((28, 28, 1))(pixels), name="tangle")


def batches(x, *more):
    return tf.data.Dataset.from_tensor_slices((x, *more) if more else x).batch(64)


BAD_IMAGES = {
    "bytes": (lambda g: (g.x * 255).astype("uint8"), TypeError, r"divide by 255.* Received: dtype=uint8"),
    "unscaled": (lambda g: g.x * 255, ValueError, r"lie in \[0, 1\]\. Received: values from 0 to 25"),
    "negative": (lambda g: g.x - 0.5, ValueError, r"lie in \[0, 1\]\. Received: values from -0\.5 to 0\.5"),
    "NaN": (lambda g: g.with_nan, ValueError, "must not hold NaN. Received: 28 NaN"),
    "infinite": (lambda g: g.x + INF, ValueError, "values from inf to inf"),
    "empty": (lambda g: g.x[:0], ValueError, r"at least one image. Received: shape=\(0, 28, 28, 1\)"),
    "no channel": (lambda g: g.x[..., 0], ValueError, r"\(n, 28, 28, 1\)\. Received: shape=\(130, 28, 28\)"),
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
    "ae.fit": lambda g, x: g.ae.fit(x, verbose=0),
    "ae.evaluate": lambda g, x: g.ae.evaluate(x, verbose=0),
    "ae.encode": lambda g, x: g.ae.encode(x),
    "train": lambda g, x: train(g.vae, x, verbose=False),
    "train, held-out": lambda g, x: g.vae.fit(g.x, validation_data=(x, g.y), verbose=0),
    "elbo": lambda g, x: elbo(g.vae, x),
    "log_likelihood": lambda g, x: log_likelihood(g.vae, x, samples=2),
    "active_units": lambda g, x: active_units(g.vae, x),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
@pytest.mark.parametrize("function", TAKE_IMAGES)
def test_what_is_not_images_is_refused(given, function, what):
    build, error, message = BAD_IMAGES[what]
    before = given.vae.get_weights() + given.ae.get_weights()
    with pytest.raises(error, match=message):
        TAKE_IMAGES[function](given, build(given))
    for weight, old in zip(given.vae.get_weights() + given.ae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)  # nothing was trained on it


CALLS = [
    # datasets and their labels, weights, validation
    ("a dataset of bytes", lambda g: g.vae.fit(batches((g.x * 255).astype("uint8"))), ValueError, "Received: .*uint8"),
    ("a dataset of single images", lambda g: g.ae.fit(tf.data.Dataset.from_tensor_slices(g.x)), ValueError, "Received"),
    ("a dataset of labels", lambda g: g.vae.evaluate(batches(g.y)), ValueError, r"Received: .*\(None,\).*int64"),
    ("a dataset of dictionaries", lambda g: g.vae.fit(batches({"image": g.x})), ValueError, "Received: {'image'"),
    ("sample_weight without labels", lambda g: g.vae.fit(g.x, sample_weight=g.weights), ValueError, "sample_weight"),
    ("sample_weight, VAE", lambda g: g.vae.fit(g.x, g.y, sample_weight=g.weights), ValueError, "every image counts"),
    ("sample_weight, AE", lambda g: g.ae.fit(g.x, g.y, sample_weight=g.weights), ValueError, "every image counts"),
    ("sample_weight, evaluate", lambda g: g.ae.evaluate(g.x, sample_weight=g.weights), ValueError, "every image"),
    ("weights in a dataset", lambda g: g.vae.fit(batches(g.x, g.y, g.weights), verbose=0), ValueError, "every image"),
    ("weights in validation_data", lambda g: g.vae.fit(g.x, validation_data=(g.x, g.y, g.weights), verbose=0),
     ValueError, "every image counts"),
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
    ("model and images swapped", lambda g: train(g.x, g.vae), TypeError, "train needs .* Received: ndarray"),
    ("a network of one's own", lambda g: train(small_encoder(), g.x), TypeError, "an Autoencoder or a VAE"),
    ("a dataset for train", lambda g: train(g.vae, batches(g.x)), TypeError, "Received: a _BatchDataset"),
    *[(f"epochs={n!r}", lambda g, n=n: train(g.vae, g.x, epochs=n), ValueError, whole("epochs"))
      for n in (0, -1, 1.5, "3", None, NAN)],
    *[(f"batch_size={n!r}", lambda g, n=n: train(g.vae, g.x, batch_size=n), ValueError, whole("batch_size"))
      for n in (0, -1, 1.5)],
    *[(f"learning_rate={v!r}", lambda g, v=v: train(g.vae, g.x, learning_rate=v), ValueError,
       ABOVE.format("learning_rate")) for v in (0, -1e-3, NAN, INF, "fast")],
    ("a seed of text for train", lambda g: train(g.vae, g.x, seed="a"), ValueError, whole("seed", 0)),
    # networks and models
    *[(f"{make.__name__}({n!r})", lambda g, make=make, n=n: make(n), ValueError, whole("latent_dim"))
      for make in (make_autoencoder, make_vae) for n in (0, -1, 2.5, "2", "two", None, True, NAN, INF)],
    ("an unknown network", lambda g: make_vae(network="denze"), ValueError, "'dense', 'conv'.*network='denze'"),
    ("an unknown likelihood", lambda g: make_vae(likelihood="gausian"), ValueError,
     "'gaussian', 'bernoulli'.*likelihood='gausian'"),
    *[(f"sigma={v!r}", lambda g, v=v: make_vae(sigma=v), ValueError, ABOVE.format("sigma"))
      for v in (0, -1, NAN, INF, "1", None, [1.0, 2.0])],
    *[(f"{name}={v!r}", lambda g, name=name, v=v: make_vae(**{name: v}), ValueError, NOT_NEGATIVE.format(name))
      for name in ("beta", "reconstruction_weight") for v in (-0.1, NAN, INF, "1", None)],
    *[(f"seed={v!r}", lambda g, v=v: make_vae(seed=v), ValueError, whole("seed", 0)) for v in (-1, 1.5, "a")],
    ("a misspelt option", lambda g: make_vae(sigm=1.0), ValueError, "Unrecognized keyword arguments .*sigm"),
    ("encoder and decoder swapped", lambda g: VAE(small_decoder(), small_encoder()), ValueError,
     r"encoder must be a Keras model from \(batch, 28, 28, 1\).* Received: \(None, 2\)"),
    ("an autoencoder's encoder in a VAE", lambda g: VAE(small_encoder(("code",)), small_decoder()), ValueError,
     r"\(mean, log_var\).* Received: shapes \[\(1, 2\)\]"),
    ("a VAE's encoder in an autoencoder", lambda g: Autoencoder(small_encoder(), small_decoder()), ValueError,
     r"encoder must map images .* Received: shapes \[\(1, 2\), \(1, 2\)\]"),
    ("another latent dimension", lambda g: VAE(small_encoder(), small_decoder(3)), ValueError,
     r"decoder must be .* from \(batch, 2\).* Received: \(None, 3\)"),
    ("a decoder of flat images", lambda g: Autoencoder(small_encoder(("code",)), keras.layers.Dense(784)), ValueError,
     r"decoder must map .* Received: shapes \[\(1, 784\)\]"),
    ("an encoder that does not flatten", lambda g: Autoencoder(keras.layers.Dense(2), small_decoder()), ValueError,
     "encoder must map images"),
    ("a name for a network", lambda g: Autoencoder("dense", small_decoder()), ValueError, "Received: str"),
    ("a name that TensorFlow refuses", lambda g: make_vae(name="only KL"), ValueError, "name may hold.*name='only KL'"),
    # coding, decoding, sampling, paths
    ("codes of another width", lambda g: g.vae.decode(np.zeros((4, 3))), ValueError, r"\(n, 2\).* shape=\(4, 3\)"),
    ("one code", lambda g: g.ae.decode(np.zeros(2)), ValueError, r"\(n, 2\).* shape=\(2,\)"),
    ("no code", lambda g: g.ae.decode(np.zeros((0, 2))), ValueError, r"at least 1.* shape=\(0, 2\)"),
    ("a NaN code", lambda g: g.vae.decode([[0.0, NAN]]), ValueError, "finite. Received: 1 value"),
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
    ("a seed of text for Sampling", lambda g: Sampling(seed="a"), ValueError, "seed=a"),
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
    ("plot_manifold of 3 dimensions", lambda g: plot_manifold(small_vae(3)), ValueError, "2-d.* latent_dim=3"),
    ("plot_schema of two images", lambda g: plot_schema(g.vae, g.x[:2]), ValueError, "one image.* Received: 2 images"),
    ("plot_schema of a tangle", lambda g: plot_schema(VAE(small_encoder(), tangle()), g.x[0]), ValueError,
     "plain chains of layers. Received: tangle"),
    ("plot_density, sigma=0", lambda g: plot_density(sigma=0), ValueError, "sigma must be above 0. Received: sigma=0"),
    ("plot_density, a > b", lambda g: plot_density(a=1, b=0), ValueError, "a must be below b. Received: a=1, b=0"),
    ("plot_gaussians, sigma=0", lambda g: plot_gaussians([(0, 0)]), ValueError, "every sigma must be above 0"),
    ("plot_gaussians, nine", lambda g: plot_gaussians([(0, 1)] * 9), ValueError, "at most 8 .* Received: 9 pairs"),
    # claims and data
    ("a claim about many values", lambda g: claim("s", g.x > 0), TypeError, r"truth value.* shape \(130, 28"),
    ("a claim about none", lambda g: claim("s", np.array([], dtype=bool)), TypeError, "one truth value"),
    ("a claim that is a number", lambda g: claim("s", NAN), TypeError, "Received: holds=nan"),
    ("a claim that is text", lambda g: claim("s", "False"), TypeError, "Received: holds='False'"),
    ("a claim that is None", lambda g: claim("s", None), TypeError, "Received: holds=None"),
    ("an unknown data set", lambda g: load_data("mnits"), ValueError, "'mnist'.* Received: name='mnits'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_mistake_is_named(given, call, error, message):
    with pytest.raises(error, match=message) as caught:
        call(given)
    assert type(caught.value) is error  # and not what TensorFlow makes of it
    assert str(caught.value).count("\n") == 0


def test_an_untrained_autoencoder_says_what_to_do_before_it_samples():
    with pytest.raises(RuntimeError, match="call fit first"):
        small_autoencoder().sample(3)


def test_sampling_of_different_shapes_is_named():
    with pytest.raises(ValueError, match=r"mean and log_var must have the same shape.*log_var.shape=\(4, 1\)"):
        Sampling()((np.zeros((4, 2)), np.zeros((4, 1))))  # Keras adds lines of its own to the message


def test_a_mistake_is_named_in_graph_mode_too(images, labels):
    vae = small_vae()
    vae.compile("sgd", jit_compile=False)
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        vae.fit(images, labels, sample_weight=np.ones(len(images)), verbose=0)
