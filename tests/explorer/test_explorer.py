"""The explorer decodes as the model does, needs nothing from outside, and says what it cannot show."""

import html
import itertools
import math
import re

import keras
import numpy as np
import pytest
from front_end import images_of, needs_node, run_js
from keras import layers
from marks import slow
from small import small_encoder, small_vae

from vae_keras import (
    VAE,
    active_units,
    explore,
    export_explorer,
    linear_path,
    make_autoencoder,
    make_vae,
    spherical_path,
)
from vae_keras.explorer import describe
from vae_keras.explorer.layers import ACTIVATIONS, PACKED, PASSED
from vae_keras.explorer.page import rows_of_tour
from vae_keras.plots.style import CLASS_COLOURS

X = np.random.default_rng(0).random((40, 28, 28, 1), dtype="float32")
Y = np.arange(40) % 10
IMAGE = (28, 28, 1)
SHAPES = [IMAGE, (64, 64, 3), (20, 36, 1), (17, 17, 2)]
LETTERS = np.array([letter * 20 for letter in "abcdefghijklmnopqrstuvwxyz"])


def decoded_by_js(vae, z):
    """`vae.decode(z)`, by explorer.js."""
    (packed,) = explore(vae, images_of(vae.image_shape), Y).data["models"]
    code = "await load(given[0]).then(model => given[1].map(z => Array.from(decode(model, z))))"
    return np.array(run_js(code, packed, z.tolist())).reshape(-1, *vae.image_shape)


def vae_of(shape, latent_dim=2):
    """A small VAE for images of this shape."""
    images = keras.Input(shape)
    x = layers.Flatten()(images)
    encoder = keras.Model(images, [layers.Dense(latent_dim)(x) for _ in range(2)])
    pixels = [layers.Dense(math.prod(shape), kernel_initializer="normal"), layers.Reshape(shape)]
    return VAE(encoder, keras.Sequential([keras.Input((latent_dim,)), *pixels]))


def page_of(explorer):
    """The page in the frame that stands in for the widget."""
    shown, _ = explorer._repr_mimebundle_()
    (page,) = re.findall(r'<iframe srcdoc="([^"]*)" sandbox="allow-scripts"', shown["text/html"])
    return html.unescape(page)


def with_decoder(*chain, latent_dim=2):
    """A VAE whose weights 8 bits hold exactly: what the page decodes then differs by rounding errors alone."""
    decoder = keras.Sequential([keras.Input((latent_dim,)), *chain], name="decoder")
    rng = np.random.default_rng(3)
    for weight in decoder.weights:
        steps = rng.integers(1, 60, weight.shape)
        if len(weight.shape) > 1:  # a kernel: the largest weight of each output is 127 steps
            steps *= rng.choice([-1, 1], weight.shape)
            steps[(0,) * (len(weight.shape) - 1)] = 127
            if len(weight.shape) == 4:
                steps[0, 0, :, 0] = 127  # a transposed convolution's outputs are its last axis but one
        weight.assign(steps / 60 / np.sqrt(np.prod(weight.shape[:-1])))
    return VAE(small_encoder(latent_dim=latent_dim), decoder)


def every_layer():
    inner = keras.Sequential([layers.Dense(8 * 10 * 3, activation="relu"), layers.Reshape((8, 10, 3))])
    return with_decoder(
        layers.Dropout(0.5),
        inner,
        layers.BatchNormalization(),
        layers.Activation("tanh"),
        layers.Conv2DTranspose(5, (3, 2), strides=(2, 1), padding="same", use_bias=False),
        layers.Conv2DTranspose(4, (4, 5), strides=(1, 2), padding="valid", activation="silu"),
        layers.Cropping2D(((0, 1), (2, 3))),
        layers.Conv2D(3, (4, 3), strides=(1, 2), padding="same"),
        layers.Conv2D(2, (2, 4), padding="valid", activation="softplus"),
        layers.Dense(3),
        layers.Flatten(),
        layers.Dense(784),
        layers.Reshape(IMAGE),
    )


class TestDecoder:
    @needs_node
    @pytest.mark.parametrize("layer", [*ACTIVATIONS, "all"])
    def test_evaluates_each_layer_as_keras_does(self, layer):
        if layer == "all":
            vae = every_layer()
        else:
            vae = with_decoder(layers.Dense(30, activation=layer), layers.Dense(784), layers.Reshape(IMAGE))
        z = 2 * np.random.default_rng(1).standard_normal((20, 2), dtype="float32")
        images = vae.decode(z)
        assert np.ptp(images) > 0.2
        np.testing.assert_allclose(decoded_by_js(vae, z), images, atol=1e-5)

    @needs_node
    @pytest.mark.parametrize(("network", "latent_dim"), [("dense", 2), ("conv", 16)])
    def test_decodes_the_course_s_networks(self, network, latent_dim):
        vae = make_vae(latent_dim, network)
        z = np.random.default_rng(1).standard_normal((20, latent_dim), dtype="float32")
        images = vae.decode(z)
        np.testing.assert_allclose(decoded_by_js(vae, z), images, atol=0.02 * np.ptp(images))  # 8 bits a weight

    @needs_node
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("network", ["dense", slow("conv")])
    def test_decodes_images_of_any_shape(self, network, shape):
        vae = vae_of(shape) if network == "dense" else make_vae(2, network, shape)
        z = np.random.default_rng(1).standard_normal((3, 2), dtype="float32")
        images = vae.decode(z)
        assert images.shape == (3, *shape)
        np.testing.assert_allclose(decoded_by_js(vae, z), images, atol=0.02 * np.ptp(images))

    @needs_node
    def test_a_trained_model_differs_by_no_more_than_two_greys_in_a_hundred(self, trained_vae, digits):
        z = trained_vae.encode(digits[1][0])[0]
        np.testing.assert_allclose(decoded_by_js(trained_vae, z), trained_vae.decode(z), atol=0.02)

    def test_every_layer_that_is_known_is_compared(self):
        compared = {type(layer) for part in every_layer().decoder.layers for layer in getattr(part, "layers", [part])}
        assert compared - {layers.InputLayer} == {*PACKED, *PASSED}

    @pytest.mark.parametrize(
        ("chain", "message"),
        [
            ([layers.UpSampling2D()], r"these layers: Activation, .*\. Received: the layer 'up_.*', a UpSampling2D"),
            ([layers.Activation("exponential")], "activations elu, .*Received: exponential in the layer"),
            ([layers.Activation(lambda x: x)], "Received: <lambda> in the layer"),
            ([layers.Conv2D(1, 3, padding="same", dilation_rate=2)], r"dilation_rate=\(1, 1\)\. Received: \(2, 2\)"),
            ([layers.Conv2D(4, 3, padding="same", groups=2)], "groups=1. Received: 2 in the layer"),
            ([layers.BatchNormalization(axis=1)], "axis=-1. Received: 1 in the layer"),
        ],
    )
    def test_names_the_layer_that_it_does_not_know(self, chain, message):
        vae = with_decoder(
            layers.Dense(14 * 14 * 2), layers.Reshape((14, 14, 2)), *chain, layers.Flatten(), layers.Dense(784),
            layers.Reshape(IMAGE),
        )  # fmt: skip
        with pytest.raises(ValueError, match=message):
            explore(vae, X, Y)

    def test_evaluates_what_comes_in_a_dictionary(self):
        z = keras.Input((2,))
        decoder = keras.Model(z, {"logits": layers.Reshape(IMAGE)(layers.Dense(784)(z))})
        assert len(explore(VAE(small_encoder(), decoder), X, Y).data["models"][0]["decoder"]) == 1

    def test_refuses_a_layer_of_one_s_own(self):
        class Own(layers.Layer):
            def build(self, _):
                self.kernel = self.add_weight((2, 784))

            def call(self, z):
                return keras.ops.reshape(z @ self.kernel, (-1, *IMAGE))

        with pytest.raises(ValueError, match=r"explore evaluates networks of these layers: .*, a Own$"):
            explore(VAE(small_encoder(), Own()), X, Y)

    def test_refuses_what_is_no_chain(self):
        z = keras.Input((2,))
        pixels = layers.Dense(784)(z) + layers.Dense(784)(z)
        decoder = keras.Model(z, layers.Reshape(IMAGE)(pixels), name="tangle")
        with pytest.raises(ValueError, match=r"plain chain of layers\. Received: tangle"):
            explore(VAE(small_encoder(), decoder), X, Y)
        doubled = keras.Model(z, layers.Reshape(IMAGE)(2 * layers.Dense(784, bias_initializer="ones")(z)))
        with pytest.raises(ValueError, match="plain chain of layers"):
            explore(VAE(small_encoder(), doubled), X, Y)


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_a_model_that_became_nan_is_named(network):
    vae = small_vae(name="lost")
    part = getattr(vae, network)
    part.set_weights([weight * np.nan for weight in part.get_weights()])
    with pytest.raises(ValueError, match=r"codes and images are finite\. Received: lost"):
        explore(vae, X, Y)


class TestPath:
    @needs_node
    @pytest.mark.parametrize("dimensions", [2, 16])
    def test_is_that_of_interpolate(self, dimensions):
        a, b = np.random.default_rng(2).standard_normal((2, dimensions))
        pairs = [(a, b), (a, 3 * a), (a, -a), (a, 0 * b), (0 * a, b)]
        for name, path in (("linear", linear_path), ("spherical", spherical_path)):
            for ends in pairs:
                code = "Array.from({ length: 9 }, (_, i) => PATHS[given[0]](given[1], given[2], i / 8))"
                seen = run_js(code, name, *[end.tolist() for end in ends])
                np.testing.assert_allclose(seen, path(*ends, steps=9), atol=1e-6)


class TestPage:
    def test_asks_nothing_of_the_network(self, tmp_path):
        export_explorer(small_vae(), tmp_path / "explorer.html", X, Y)
        page = (tmp_path / "explorer.html").read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}  # a name, no address
        assert not re.search(r"<(script|link|img)[^>]*(src|href)=|fetch\(|import |url\(", page)

    def test_is_what_the_notebook_keeps_for_times_without_a_kernel(self, tmp_path):
        vae = small_vae()
        explorer = explore(vae, X, Y)
        shown, _ = explorer._repr_mimebundle_()
        assert set(shown) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
        export_explorer(vae, tmp_path / "explorer.html", X, Y)
        assert page_of(explorer) == (tmp_path / "explorer.html").read_text(encoding="utf-8")

    @pytest.mark.parametrize("count", [1, 5])
    def test_of_the_course_s_models_is_small(self, tmp_path, count):
        vae, rng = make_vae(), np.random.default_rng(0)  # trained weights are like these: few are large
        vae.decoder.set_weights([rng.standard_normal(weights.shape) for weights in vae.decoder.get_weights()])
        models = {f"sigma = {i}": vae for i in range(count)}
        export_explorer(models, tmp_path / "explorer.html", images_of(IMAGE, 500))  # of noise: they compress badly
        assert (tmp_path / "explorer.html").stat().st_size < 2_000_000

    def test_of_26_classes_in_colour_is_small(self, tmp_path):
        images = images_of((64, 64, 3), 52)
        export_explorer(make_vae(2, "conv", (64, 64, 3)), tmp_path / "explorer.html", images, np.tile(LETTERS, 2))
        assert (tmp_path / "explorer.html").stat().st_size < 2_000_000

    def test_that_would_be_too_large_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(describe, "PAGE_BYTES", 40_000)  # the scripts alone have more
        models = dict.fromkeys("abc", small_vae())
        weights = 3 * models["a"].decoder.count_params()
        with pytest.raises(ValueError, match=rf"page of 2 MB: .* Received: 3 with {weights:,} weights together"):
            export_explorer(models, tmp_path / "explorer.html", X, Y)
        assert not list(tmp_path.iterdir())

    def test_is_not_ended_by_a_model_s_name(self):
        page = page_of(explore({"</script>": small_vae()}, X, Y))
        assert page.count("</script>") == 1

    def test_is_a_file(self, tmp_path):
        with pytest.raises(IsADirectoryError, match="name a file to write"):
            export_explorer(small_vae(), tmp_path, X, Y)

    def test_needs_a_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="folder to save in does not exist: make it first"):
            export_explorer(small_vae(), tmp_path / "no" / "explorer.html", X, Y)


class TestData:
    @needs_node
    def test_points_are_the_codes_of_the_images(self):
        vae = small_vae(latent_dim=3)
        data = explore(vae, X, Y).data
        code = "await load(given[0]).then(model => given[1].map((_, i) => model.codeOf(i)))"
        points = np.array(run_js(code, data["models"][0], data["labels"]))
        codes = vae.encode(X)[0]
        order = np.argmin(np.abs(points[:, None] - codes).sum(axis=2), axis=1)  # which image each point is
        assert sorted(order) == list(range(40))
        np.testing.assert_allclose(points, codes[order], atol=1e-4)
        np.testing.assert_array_equal(data["labels"], Y[order])
        assert data["labels"][:10] == list(range(10))  # those of the strip

    def test_dimensions_are_sorted_by_the_variance_of_their_means(self):
        vae = small_vae(latent_dim=8)
        (model,) = explore(vae, X, Y).data["models"]
        activity = np.array(model["activity"])
        np.testing.assert_allclose(activity, vae.encode(X)[0].var(axis=0), atol=1e-4)
        assert (np.diff(activity[model["order"]]) <= 0).all()
        assert (activity > 0.01).sum() == active_units(vae, X)

    def test_plane_keeps_its_two_axes(self):
        assert explore(small_vae(), X, Y).data["models"][0]["order"] == [0, 1]

    def test_plane_holds_the_codes_of_its_model(self):
        wide = small_vae()
        wide.encoder.set_weights([30 * weights for weights in wide.encoder.get_weights()])
        models = explore({"narrow": small_vae(), "wide": wide}, X, Y).data["models"]
        narrow, of_wide = (model["extent"] for model in models)
        assert of_wide >= np.quantile(np.abs(wide.encode(X)[0]), 0.99) > 3
        assert narrow == 3

    def test_plane_of_an_autoencoder_is_where_its_codes_are(self):
        ae = make_autoencoder(2, (8,))
        ae.encoder.layers[-1].bias.assign([50, -20])
        (model,) = explore(ae, X, Y).data["models"]
        off = np.abs(ae.encode(X) - model["centre"])
        assert np.mean(off <= model["extent"] + 0.01) > 0.97
        assert model["extent"] < 5

    def test_images_can_be_left_out(self, digits):
        assert sorted(explore(small_vae()).data["labels"]) == sorted(digits[1][1])

    def test_images_can_be_left_out_only_where_those_of_the_course_fit(self):
        message = r"needs x, this model's images, and y: .*Received: x=None, image_shape=\(20, 36, 1\)"
        with pytest.raises(ValueError, match=message):
            explore(vae_of((20, 36, 1)))

    @pytest.mark.parametrize("shape", SHAPES)
    def test_images_of_another_shape_are_refused(self, shape):
        with pytest.raises(ValueError, match=re.escape(f"x must have shape (n, {', '.join(map(str, shape))})")):
            explore(vae_of(shape), images_of((16, 16, 1)), Y)

    def test_models_have_one_image_shape(self):
        models = {"tall": vae_of((36, 20, 1)), "wide": vae_of((20, 36, 1))}
        with pytest.raises(ValueError, match=r"one image shape\. Received: image_shape=\[\(20, 36, 1\), \(36"):
            explore(models, images_of((20, 36, 1)), Y)

    @needs_node
    @pytest.mark.parametrize("shape", [*SHAPES, (130, 100, 3)])
    def test_images_to_take_are_typical_ones_first(self, shape):
        images = np.repeat(images_of(shape, 10), 2, axis=0)
        data = explore(vae_of(shape), images, np.repeat(np.arange(10), 2)).data
        seen = np.reshape(run_js("Array.from(new Uint8Array(await inflate(given[0])))", data["images"]), (-1, *shape))
        assert 2 <= data["row"] <= len(seen) <= 20
        np.testing.assert_allclose(seen[: data["row"]], 255 * images[::2][: data["row"]], atol=0.51)

    def test_images_to_take_are_bounded_in_bytes(self):
        data = explore(vae_of((64, 64, 3)), images_of((64, 64, 3), 100), np.arange(100) % 10).data
        assert data["row"] == 10
        assert len(data["images"]) < 400_000
        assert len(data["labels"]) == 100  # dots are shown of all


class TestLabels:
    def test_can_be_text_of_many_classes(self):
        y = np.tile(LETTERS, 2)
        data = explore(small_vae(), images_of(IMAGE, 52), y).data
        assert data["classes"] == LETTERS.tolist()
        assert [data["classes"][c] for c in data["labels"][:26]] == LETTERS.tolist()
        assert len(data["models"][0]["medians"]) == 26
        colours = data["colours"]
        assert len(colours) == 26
        assert all(a != b for a, b in itertools.pairwise(colours))

    def test_of_a_digit_has_the_colour_that_figures_give_it(self):
        data = explore(small_vae(), X, np.where(Y < 5, 3, 7.0)).data
        assert data["classes"] == ["3", "7"]
        assert data["colours"] == [CLASS_COLOURS[3], CLASS_COLOURS[7]]

    def test_can_be_left_out(self):
        data = explore(small_vae(), X).data
        assert data["classes"] == [""]
        assert set(data["labels"]) == {0}
        assert len(data["models"][0]["medians"]) == 1

    def test_of_very_many_classes_are_not_all_named(self):
        data = explore(small_vae(), images_of(IMAGE, 100), np.arange(100)).data
        assert len(data["models"][0]["medians"]) == 40
        assert sorted(data["labels"]) == list(range(100))

    @pytest.mark.parametrize("y", [Y[:5], Y[:, None], Y + 0.5])
    def test_are_one_class_for_each_image(self, y):
        with pytest.raises(ValueError, match=r"y must hold one class for each image, 40 .* Received"):
            explore(small_vae(), X, y)


class TestColour:
    @needs_node
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_is_that_of_three_channels_and_else_ink(self, channels):
        pixels = np.random.default_rng(0).random((6, channels))
        seen = run_js("Array.from(toRGBA(given[0], given[1]))", pixels.ravel().tolist(), channels)
        paper = np.repeat(1 - pixels.mean(axis=1, keepdims=True), 3, axis=1)
        rgb = pixels if channels == 3 else paper
        np.testing.assert_allclose(np.reshape(seen, (6, 4)), 255 * np.c_[rgb, np.ones(6)], atol=0.51)


class TestAt:
    def test_is_the_same_explorer_with_the_tour_open_and_without_its_page(self):
        explorer = explore(small_vae(), X, Y)
        again = explorer.at("L14")
        assert again.tour == "L14"
        assert again.data == explorer.data
        shown, _ = again._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in shown
        assert "row L14" in shown["text/html"]
        assert len(shown["text/html"]) < 500

    @pytest.mark.parametrize("row", ["L99", "L08", 14, None])
    def test_knows_the_rows_of_the_tour(self, row):
        with pytest.raises(ValueError, match=r"row must be one of 'L01', 'L09', .*'L35'\. Received: row="):
            explore(small_vae(), X, Y).at(row)

    def test_has_no_walk_where_the_tour_of_several_models_has_none(self):
        explorer = explore({"one": small_vae(), "other": small_vae()}, X, Y)
        assert explorer.at("L26").tour == "L26"
        with pytest.raises(ValueError, match=r"row must be one of 'L01', .*'L26'\. Received: row='L35'"):
            explorer.at("L35")

    @needs_node
    @pytest.mark.parametrize("kinds", [["VAE"], ["AE"], ["AE", "VAE"], ["VAE", "VAE"], ["AE", "AE"]], ids="+".join)
    def test_rows_are_those_of_the_steps(self, kinds):
        models = [{"kind": kind} for kind in kinds]
        assert rows_of_tour(models) == sorted(run_js("tourOf(given[0]).map(step => step.row)", models))


class TestZ:
    def test_is_the_point(self):
        vae = small_vae()
        explorer = explore(vae, X, Y)
        typical = X[Y == 0][np.argmin(np.sum((X[Y == 0] - X[Y == 0].mean(axis=0)) ** 2, axis=(1, 2, 3)))]
        np.testing.assert_allclose(explorer.z, vae.encode(typical[None])[0][0], atol=1e-3)  # the first of the row
        explorer.z = np.array([0.5, -1])
        assert explorer.z == [0.5, -1]
        assert repr(explorer) == "Explorer(z=[0.5, -1.0])"

    @pytest.mark.parametrize("z", [[0.5], [0.5, 1, 2], [0.5, float("nan")], 3.0])
    def test_is_refused_where_it_is_no_point(self, z):
        with pytest.raises(ValueError, match=r"z must hold 2 finite numbers\. Received: z="):
            explore(small_vae(), X, Y).z = z
