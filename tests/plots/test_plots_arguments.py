"""What a caller of a plot gets wrong is answered by an error that says what was wrong and what was received."""

import types

import keras
import numpy as np
import pytest
from small import small_autoencoder, small_encoder, small_vae

from vae_keras import (
    VAE,
    plot_aggregate_posteriors,
    plot_cell_shares,
    plot_clouds,
    plot_code_box,
    plot_codes,
    plot_codes_and_manifold,
    plot_compression,
    plot_compression_rows,
    plot_density,
    plot_digit_rows,
    plot_distances_along_paths,
    plot_draws,
    plot_empirical_cdfs,
    plot_error_against_size,
    plot_gaussians,
    plot_gradient_estimates,
    plot_history,
    plot_kl_per_dimension,
    plot_latent_planes,
    plot_loss_histogram,
    plot_manifold,
    plot_memorizing,
    plot_moves,
    plot_nearest_distances,
    plot_norms_along_paths,
    plot_point_and_distribution,
    plot_posterior_bells,
    plot_posteriors,
    plot_power_laws,
    plot_rate_distortion,
    plot_reparameterization,
    plot_schema,
    plot_sigma_effect,
    plot_sigma_histograms,
    plot_stretch,
    plot_true_posteriors,
    plot_unit_variances,
    plot_widths,
    plots,
)

NAN = float("nan")


def whole(name, least=1):
    return rf"{name} must be a whole number, at least {least}\. Received: {name}="


@pytest.fixture(scope="module")
def given(images, labels):
    """What the calls below are made with."""
    models = {"vae": small_vae(), "ae": small_autoencoder()}
    with_nan = images.copy()
    with_nan[3, 5] = NAN
    mean, log_var = models["vae"].encode(images)
    return types.SimpleNamespace(
        x=images, y=labels, bytes=(images * 255).astype("uint8"), with_nan=with_nan, mean=mean, log_var=log_var,
        plane=np.zeros((6, 6)), **models,
    )  # fmt: skip


def weights_of(given):
    return [weight.numpy().tobytes() for model in (given.vae, given.ae) for weight in model.weights]


def tangle():
    """A decoder in which a layer does not follow the one before it."""
    z = keras.Input((2,))
    pixels = keras.layers.Dense(784)(z) + keras.layers.Dense(784)(z)
    return keras.Model(z, keras.layers.Reshape((28, 28, 1))(pixels), name="tangle")


BAD_IMAGES = {
    "bytes": (lambda g: g.bytes, TypeError, r"divide by 255.* Received: dtype=uint8"),
    "unscaled": (lambda g: g.x * 255, ValueError, r"lie in \[0, 1\]\. Received: values from 0 to 25"),
    "NaN": (lambda g: g.with_nan, ValueError, "must not hold NaN. Received: 28 NaN"),
    "empty": (lambda g: g.x[:0], ValueError, r"at least one image. Received: shape=\(0, 28, 28, 1\)"),
    "flat": (lambda g: g.x.reshape(-1, 784), ValueError, r"\(n, 28, 28, 1\)\. Received: shape=\(130, 784\)"),
    "one image": (lambda g: g.x[0], ValueError, r"Received: shape=\(28, 28, 1\)"),
    "colour": (lambda g: g.x.repeat(3, axis=-1), ValueError, r"\(n, 28, 28, 1\)\. Received: shape=\(130, 28, 28, 3\)"),
    "labels": (lambda g: g.y, TypeError, "Received: dtype=int64"),
    "None": (lambda g: None, TypeError, "Received: a NoneType"),
    "a generator": (lambda g: (image for image in g.x), TypeError, "Received: a generator"),
}
TAKE_IMAGES = {
    "plot_clouds": lambda g, x: plot_clouds(g.vae, x),
    "plot_compression": lambda g, x: plot_compression(g.ae, g.vae, x),
    "plot_kl_per_dimension": lambda g, x: plot_kl_per_dimension({"VAE": g.vae}, x),
    "plot_point_and_distribution": lambda g, x: plot_point_and_distribution(g.ae, g.vae, x, g.x[0]),
}
TAKE_ONE_IMAGE = {
    "plot_point_and_distribution": lambda g, image: plot_point_and_distribution(g.ae, g.vae, g.x, image),
    "plot_posterior_bells": lambda g, image: plot_posterior_bells(g.vae, image),
    "plot_reparameterization": lambda g, image: plot_reparameterization(g.vae, image),
    "plot_schema": lambda g, image: plot_schema(g.vae, image),
    "plot_sigma_effect": lambda g, image: plot_sigma_effect(g.x[0], image),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
@pytest.mark.parametrize("function", TAKE_IMAGES)
def test_what_is_not_images_is_refused(given, function, what):
    build, error, message = BAD_IMAGES[what]
    before = weights_of(given)
    with pytest.raises(error, match=message):
        TAKE_IMAGES[function](given, build(given))
    assert weights_of(given) == before


@pytest.mark.parametrize("function", TAKE_ONE_IMAGE)
def test_what_is_not_one_image_of_the_models_shape_is_refused(given, function):
    for image, error, message in (
        (given.x[:2], ValueError, r"one image, \(28, 28, 1\)\. Received: shape=\(2, 28, 28, 1\)"),
        (given.x[0, ..., 0], ValueError, r"one image, \(28, 28, 1\)\. Received: shape=\(28, 28\)"),
        (given.x[0].repeat(3, axis=-1), ValueError, r"one image, \(28, 28, 1\)\. Received: shape=\(28, 28, 3\)"),
        (None, ValueError, r"Received: shape=\(\)"),
        (given.bytes[0], TypeError, "divide by 255"),
        (given.with_nan[3], ValueError, "must not hold NaN"),
    ):
        with pytest.raises(error, match=message):
            TAKE_ONE_IMAGE[function](given, image)


TAKE_LABELS = {
    "plot_code_box": lambda g, y: plot_code_box(g.vae, g.mean, y),
    "plot_codes": lambda g, y: plot_codes(g.mean, y),
    "plot_codes_and_manifold": lambda g, y: plot_codes_and_manifold(g.vae, g.mean, y),
    "plot_latent_planes": lambda g, y: plot_latent_planes({"VAE": g.mean}, y),
    "plot_posteriors": lambda g, y: plot_posteriors(g.mean, g.log_var, y),
    "plot_stretch": lambda g, y: plot_stretch(g.plane, g.plane, g.mean, y),
    "plot_widths": lambda g, y: plot_widths(np.ones(130), g.x, y),
}


@pytest.mark.parametrize("function", TAKE_LABELS)
def test_labels_that_are_not_one_class_for_each_image_are_refused(given, function):
    for labels, received in (
        (given.y[:5], r"int64 of shape \(5,\)"),
        (given.y + 0.5, "float64 of shape"),
        (given.y > 3, "bool of shape"),
        (np.eye(10)[given.y], r"float64 of shape \(130, 10\)"),
        (None, r"object of shape \(\), such as \[None\]"),
        ([None] * 130, "object of shape"),
    ):
        message = f"labels must hold one class for each image, 130 numbers or texts. Received: {received}"
        with pytest.raises(ValueError, match=message):
            TAKE_LABELS[function](given, labels)


CALLS = [
    *[(f"{plot.__name__} of nothing", lambda g, plot=plot, more=more: plot({}, *more), TypeError,
       "must be a dictionary, name → what is drawn, and not empty. Received: an empty one")
      for plot, *more in ((plot_latent_planes, []), (plot_sigma_histograms,), (plot_aggregate_posteriors, {}),
                          (plot_memorizing,), (plot_moves, []), (plot_error_against_size, {}, {}),
                          (plot_compression_rows,), (plot_cell_shares,),
                          (plot_nearest_distances,), (plot_gradient_estimates, (0, 1)), (plot_digit_rows,),
                          (plot_norms_along_paths, {}), (plot_distances_along_paths, {}), (plot_kl_per_dimension, []))],
    ("plot_power_laws of nothing", lambda g: plot_power_laws([1, 2], {}), TypeError, "curves must be a dictionary"),
    ("plot_power_laws, lengths", lambda g: plot_power_laws([1, 2], {"a": [1]}),
     ValueError, r"curves\['a'\] must be as many"),
    *[(f"{plot.__name__} {what}", lambda g, plot=plot, build=build: plot(build(g)), error, message)
      for plot in (plot_digit_rows, plot_compression_rows)
      for what, build, error, message in (
          ("of one image", lambda g: {"x": g.x[0]}, ValueError,
           r"rows\['x'\] must have shape \(n, height, width, channels\).* Received: shape=\(28, 28, 1\)"),
          ("of bytes", lambda g: {"x": g.bytes}, TypeError, "must hold floats in .*uint8"),
          ("of an array", lambda g: g.x, TypeError, "Received: a ndarray"),
          ("of NaN", lambda g: {"x": g.with_nan}, ValueError, "must be finite"),
          ("of two shapes", lambda g: {"x": g.x, "y": g.x[:, :14]}, ValueError,
           r"one shape. Received: \(28, 28, 1\) and \(14, 28, 1\)"))],
    ("plot_codes of 3 dimensions", lambda g: plot_codes(np.zeros((130, 3)), g.y), ValueError, r"\(n, 2\).*\(130, 3\)"),
    ("plot_codes of a pair", lambda g: plot_codes((g.mean, g.log_var), g.y), ValueError, r"shape=\(2, 130, 2\)"),
    ("plot_code_box, n=0", lambda g: plot_code_box(g.ae, g.mean, g.y, n=0), ValueError, whole("n")),
    ("plot_manifold, n=0", lambda g: plot_manifold(g.vae, n=0), ValueError, whole("n")),
    ("plot_manifold of 3 dimensions", lambda g: plot_manifold(small_vae(3)), ValueError, "2-d.* latent_dim=3"),
    *[(f"{plot.__name__} of an autoencoder", lambda g, plot=plot: plot(g.ae, g.x), TypeError,
       "vae must be a VAE. Received: a Autoencoder") for plot in (plot_clouds, plot_reparameterization)],
    ("plot_true_posteriors of 3 dimensions", lambda g: plot_true_posteriors(small_vae(3), g.x, g.plane), ValueError,
     "vae must have a 2-d latent space. Received: latent_dim=3"),
    ("plot_cell_shares of a list", lambda g: plot_cell_shares({"one": [0.5, 0.5]}), ValueError,
     r"must have shape \(rings, sectors\)"),
    ("plot_widths of one image", lambda g: plot_widths([1.0], g.x[0], [0]), ValueError, "x must have shape"),
    *[(f"{plot.__name__}, swapped", lambda g, plot=plot, more=more: plot(g.vae, g.ae, g.x, *[g.x[0]][:more]),
       TypeError, "autoencoder must be an Autoencoder. Received: a VAE")
      for plot, more in ((plot_compression, 0), (plot_point_and_distribution, 1))],
    ("plot_schema of images", lambda g: plot_schema(g.x, g.x[0]),
     TypeError, "an Autoencoder or a VAE. Received: a ndarray"),
    ("plot_schema of a tangle", lambda g: plot_schema(VAE(small_encoder(), tangle()), g.x[0]), ValueError,
     "plain chains of layers. Received: tangle"),
    ("plot_sigma_effect of no image", lambda g: plot_sigma_effect(g.x[0, ..., 0], g.x[0]), ValueError,
     r"x must be one image, \(height, width, channels\)\. Received: shape=\(28, 28\)"),
    ("plot_density, sigma=0", lambda g: plot_density(sigma=0), ValueError, "sigma must be above 0. Received: sigma=0"),
    ("plot_density, a > b", lambda g: plot_density(a=1, b=0), ValueError, "a must be below b. Received: a=1, b=0"),
    ("plot_gaussians, sigma=0", lambda g: plot_gaussians([(0, 0)]), ValueError, "every sigma must be above 0"),
    ("plot_gaussians, nine", lambda g: plot_gaussians([(0, 1)] * 9), ValueError, "at most 8 .* Received: 9 pairs"),
    ("plot_loss_histogram of NaN", lambda g: plot_loss_histogram([NAN, 1.0], {}), ValueError, "losses must be finite"),
    ("plot_rate_distortion, lengths", lambda g: plot_rate_distortion([1.0], [1.0, 2.0], [3.0], 4), ValueError,
     "kls must be as many as betas. Received: 2 and 1"),
    ("plot_unit_variances, lengths", lambda g: plot_unit_variances([1.0], [[1.0]], []),
     ValueError, "counts must be as many"),
    *[(f"{plot.__name__} of one column", lambda g, plot=plot, more=more: plot(np.zeros((9, 1)), [(0, 1), (0, 2)], more),
       ValueError, r"draws must have shape \(n, 2\), a column for each pair")
      for plot, more in ((plot_draws, {}), (plot_empirical_cdfs, 0.1))],
    ("plot_history of a dictionary", lambda g: plot_history({}), ValueError, "what fit returned.* Received: a dict"),
    ("plot_history, no such term", lambda g: plot_history(types.SimpleNamespace(history={"loss": [1]}), ("kl",)),
     ValueError,
     "Received: a History of loss"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_mistake_is_named(given, call, error, message):
    before = weights_of(given)
    with pytest.raises(error, match=message) as caught:
        call(given)
    assert type(caught.value) is error
    assert str(caught.value).count("\n") == 0
    assert weights_of(given) == before


NOTHING_TO_MISUSE = {
    "plot_generative_model": "takes only where to draw, and a title",
    "plot_kl_landscape": "takes only where to draw, and a title",
    "plot_kl_pictures": "takes only where to draw, and a title",
    "plot_reparameterization_graph": "takes only where to draw",
}


def names_in(function):
    """What a row's function mentions, in its code or in what it was made with."""
    made_with = [value.__name__ for value in function.__defaults__ or () if hasattr(value, "__name__")]
    return {*function.__code__.co_names, *made_with}


def test_every_plot_has_a_row():
    calls = [row[1] for row in CALLS]
    calls += [call for table in (TAKE_IMAGES, TAKE_ONE_IMAGE, TAKE_LABELS) for call in table.values()]
    assert not set(plots.__all__) - set.union(*map(names_in, calls)) - set(NOTHING_TO_MISUSE)
