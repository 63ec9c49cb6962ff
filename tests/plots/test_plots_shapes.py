"""Plots of images of any shape, and of any classes."""

import math
import string
import types
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from marks import slow
from matplotlib.collections import EllipseCollection

from vae_keras import VAE, Autoencoder, plots
from vae_keras.plots.digits import as_colours, as_picture, mosaic
from vae_keras.plots.style import CLASS_COLOURS, class_styles

SHAPES = [(20, 36, 1), (17, 17, 2), slow((28, 28, 1)), slow((64, 64, 3)), slow((40, 16, 3))]
LETTERS = np.array(list(string.ascii_lowercase))
CLOTHES = np.array(["ankle boot", "dress", "sandal"])


def networks(shape, heads):
    """As small as they can be: one dense layer each."""
    images, z = keras.Input(shape), keras.Input((2,))
    x = layers.Flatten()(images)
    outputs = [layers.Dense(2)(x) for _ in range(heads)]
    pixels = layers.Dense(math.prod(shape), activation="sigmoid" if heads == 1 else None)(z)
    return keras.Model(images, outputs if heads > 1 else outputs[0]), keras.Model(z, layers.Reshape(shape)(pixels))


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def given(request):
    shape = request.param
    x = np.random.default_rng(0).random((30, *shape), "float32")
    vae, ae = VAE(*networks(shape, 2)), Autoencoder(*networks(shape, 1))
    mean, log_var = vae.encode(x)
    return types.SimpleNamespace(shape=shape, x=x, vae=vae, ae=ae, mean=mean, log_var=log_var, y=CLOTHES.repeat(10))


CALLS = {
    "plot_clouds": lambda g: plots.plot_clouds(g.vae, g.x[:3], draws=4, cloud=20),
    "plot_code_box": lambda g: plots.plot_code_box(g.ae, g.mean, g.y, n=3),
    "plot_compression": lambda g: plots.plot_compression(g.ae, g.vae, g.x[:5]),
    "plot_compression_rows": lambda g: plots.plot_compression_rows({"x": g.x[:4], "z": g.mean[:4]}),
    "plot_digit_rows": lambda g: plots.plot_digit_rows({"x": g.x[:4], "x̂": g.x[:3]}, list("abcd"), title="rows"),
    "plot_manifold": lambda g: plots.plot_manifold(g.vae, n=3),
    "plot_point_and_distribution": lambda g: plots.plot_point_and_distribution(g.ae, g.vae, g.x, g.x[0]),
    "plot_reparameterization": lambda g: plots.plot_reparameterization(g.vae, g.x[0]),
    "plot_schema": lambda g: plots.plot_schema(g.vae, g.x[0], title="schema"),
    "plot_schema of an autoencoder": lambda g: plots.plot_schema(g.ae, g.x[:1]),
    "plot_sigma_effect": lambda g: plots.plot_sigma_effect(g.x[0], g.x[1]),
    "plot_codes_and_manifold": lambda g: plots.plot_codes_and_manifold(g.vae, g.mean, g.y, n=3),
    "plot_widths": lambda g: plots.plot_widths(g.mean[:, 0], g.x, g.y),
}


def drawn(call, given):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        axes = np.ravel(call(given))
        axes[0].figure.canvas.draw()
    return axes


@pytest.mark.parametrize("name", CALLS)
def test_a_pixel_of_an_image_is_a_square_and_nothing_is_cut_off(given, name):
    axes = drawn(CALLS[name], given)
    images = [image for ax in axes for part in (ax, *ax.child_axes) for image in part.images]
    assert images
    for image in images:
        rows, columns = image.get_array().shape[:2]
        box = image.get_window_extent()
        assert box.width / columns == pytest.approx(box.height / rows, rel=0.02)
        visible = image.axes.get_window_extent()
        assert visible.width >= box.width * 0.99
        assert visible.height >= box.height * 0.99
    figure = axes[0].figure
    needed, size = figure.get_tightbbox(), figure.get_size_inches()
    assert min(needed.x0, needed.y0) > -0.02
    assert np.all((needed.x1, needed.y1) < size + 0.02)


def test_three_channels_are_colours_and_of_others_the_mean_is_ink(given):
    ax = plots.plot_digit_rows({"x": given.x[:2]})
    width, channels = given.shape[1:]
    shown = ax.images[0].get_array()[:, width:]
    if channels == 3:
        np.testing.assert_array_equal(shown, given.x[1])
    else:
        np.testing.assert_allclose(shown, given.x[1].mean(axis=-1), rtol=1e-6)


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_the_schema_shows_the_image_and_its_reconstruction_as_other_plots_do(given, model):
    before, after = plots.plot_schema(getattr(given, model), given.x[0]).images
    np.testing.assert_array_equal(before.get_array(), as_picture(given.x[0]))
    assert after.get_array().shape == as_picture(given.x[0]).shape


def test_the_noise_of_the_schema_follows_its_seed(given):
    def numbers(seed):
        ax = plots.plot_schema(given.vae, given.x[0], seed=seed)
        return [text.get_text() for text in ax.texts]

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_missing_images_of_a_mosaic_are_paper():
    for channels, paper in ((1, 0), (2, 0), (3, 1)):
        picture = mosaic(np.full((3, 4, 6, channels), 0.5), columns=2)
        assert picture.shape[:2] == (8, 12)
        assert np.all(picture[:4] == 0.5)
        assert np.all(picture[4:, 6:] == paper)


def test_ink_is_dark_and_colours_are_themselves():
    np.testing.assert_array_equal(as_colours(np.ones((1, 1, 1))), np.zeros((1, 1, 3)))
    np.testing.assert_array_equal(as_colours(np.full((1, 1, 3), 0.5)), np.full((1, 1, 3), 0.5))


def test_values_outside_of_the_range_are_shown_as_its_ends():  # a reconstruction by PCA has them
    np.testing.assert_array_equal(as_picture(np.array([[[-1.0, 0.5, 2.0]]])), [[[0, 0.5, 1]]])


# Classes

LABELS = {
    "texts": CLOTHES[np.arange(78) % 3],
    "texts as bytes": CLOTHES[np.arange(78) % 3].astype(bytes),
    "texts as objects": CLOTHES[np.arange(78) % 3].astype(object),
    "a list": CLOTHES[np.arange(78) % 3].tolist(),
    "letters": LETTERS[np.arange(78) % 26],
    "26 numbers": np.arange(78) % 26,
    "high numbers": 1000 + np.arange(78) % 26,
    "negative numbers": np.arange(78) % 3 - 1,
    "whole floats": np.arange(78) % 3 + 0.0,
}
CODES = np.random.default_rng(0).standard_normal((78, 2))
BY_CLASS = {
    "plot_code_box": lambda y: plots.plot_code_box(Autoencoder(*networks((6, 8, 1), 1)), CODES, y)[0],
    "plot_codes": lambda y: plots.plot_codes(CODES, y),
    "plot_latent_planes": lambda y: plots.plot_latent_planes({"one": CODES}, y)[0, 0],
}
ON_A_MAP = {
    "plot_stretch": lambda y: plots.plot_stretch(np.eye(4), LETTERS[:16].reshape(4, 4), CODES, y),
}


def names_of(labels):
    return {str(name).removesuffix(".0") for name in np.asarray(labels, dtype=str).tolist()}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", BY_CLASS)
def test_the_legend_names_each_class_in_its_colour(name, labels):
    handles, names = BY_CLASS[name](labels).get_legend_handles_labels()
    assert set(names) == names_of(labels)
    assert all(handle.get_color() in CLASS_COLOURS for handle in handles)
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == len(names)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_each_class_is_named_on_a_map_in_its_colour(labels):
    ax = ON_A_MAP["plot_stretch"](labels)
    assert {text.get_text() for text in ax.texts} == names_of(labels)
    assert all(text.get_color() in CLASS_COLOURS for text in ax.texts)


@pytest.mark.timeout(60)
def test_names_on_the_edge_and_in_one_place_are_set_apart():
    for codes in (np.full((78, 2), 3.0), np.zeros((78, 2))):
        ax = plots.plot_stretch(np.eye(4), np.eye(4), codes, LABELS["letters"], extent=3.0)
        boxes = [text.get_window_extent() for text in ax.texts]
        assert len(boxes) == 26
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_the_legend_of_the_posteriors_names_each_class_as_its_ellipses_are_drawn(labels):
    ax = plots.plot_posteriors(CODES, 0 * CODES - 4, labels)
    *classes, prior = ax.get_legend().get_texts()
    assert {text.get_text() for text in classes} == names_of(labels)
    assert "N" in prior.get_text()
    ellipses = [found for found in ax.collections if isinstance(found, EllipseCollection)][:-1]
    looks = {(tuple(found.get_facecolor()[0]), str(found.get_linestyle())) for found in ellipses}
    assert len(looks) == len(classes)


def test_no_two_of_thirty_classes_look_alike():
    for labels in (np.arange(30), np.arange(500, 530), np.array([f"class {i:02}" for i in range(30)])):
        assert len(set(class_styles(labels).values())) == 30


def test_a_number_has_its_colour_whatever_other_classes_are_shown():
    assert class_styles(np.array([3, 7]))[7] == class_styles(np.arange(10))[7]
    assert class_styles(np.arange(10))[7].colour == CLASS_COLOURS[7]


def test_a_dot_has_the_marker_and_the_colour_of_its_class():
    labels = LETTERS[np.arange(78) % 26]
    circles, triangles, squares = plots.plot_codes(CODES, labels).collections
    for dots, letters in ((circles, LETTERS[:10]), (triangles, LETTERS[10:20]), (squares, LETTERS[20:])):
        chosen = np.isin(labels, letters)
        np.testing.assert_allclose(dots.get_offsets(), CODES[chosen])
        assert len(np.unique(dots.get_facecolors(), axis=0)) == len(letters)
