"""The explorer decodes as the model does, needs nothing from outside, and says what it cannot show."""

import html
import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from keras import layers
from small import small_encoder, small_vae

from vae_keras import VAE, active_units, explore, export_explorer, linear_path, make_vae, spherical_path
from vae_keras.explorer import ACTIVATIONS, FOLDER, PACKED, PASSED

X = np.random.default_rng(0).random((40, 28, 28, 1), dtype="float32")
Y = np.arange(40) % 10
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node.js: it runs the explorer's JavaScript")
IMAGE = (28, 28, 1)


def run_js(code, *given):
    """What the last expression of `code` is, with explorer.js before it and `given` as JSON."""
    script = (FOLDER / "explorer.js").read_text(encoding="utf-8")
    script += f"\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify({code}));"
    command = [NODE, "--input-type=module"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def decoded_by_js(vae, z):
    """`vae.decode(z)`, by explorer.js."""
    (packed,) = explore(vae, X, Y).data["models"]
    code = "await load(given[0]).then(model => given[1].map(z => Array.from(decode(model, z))))"
    return np.array(run_js(code, packed, z.tolist())).reshape(-1, *IMAGE)


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

    @pytest.mark.parametrize(("count", "most"), [(1, 750_000), (5, 2_000_000)])
    def test_of_the_course_s_models_is_small(self, tmp_path, count, most):
        vae = make_vae()
        rng = np.random.default_rng(0)  # trained weights are like these: few are large
        vae.decoder.set_weights([rng.standard_normal(weights.shape) for weights in vae.decoder.get_weights()])
        export_explorer({f"sigma = {i}": vae for i in range(count)}, tmp_path / "explorer.html", X, Y)
        assert (tmp_path / "explorer.html").stat().st_size < most

    def test_that_would_be_too_large_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"page of 2 MB: .* Received: 6 with 3,\d+,\d+ weights together"):
            export_explorer(dict.fromkeys("abcdef", make_vae()), tmp_path / "explorer.html", X, Y)
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

    def test_plane_holds_the_codes_of_all_models(self):
        wide = small_vae()
        wide.encoder.set_weights([30 * weights for weights in wide.encoder.get_weights()])
        extent = explore({"narrow": small_vae(), "wide": wide}, X, Y).data["extent"]
        assert extent >= np.quantile(np.abs(wide.encode(X)[0]), 0.99) > 3
        assert explore(small_vae(), X, Y).data["extent"] == 3

    def test_images_can_be_left_out(self, digits):
        assert sorted(explore(small_vae()).data["labels"]) == sorted(digits[1][1])


class TestZ:
    def test_is_the_point(self):
        explorer = explore(small_vae(), X, Y)
        assert explorer.z == [0, 0]
        explorer.z = np.array([0.5, -1])
        assert explorer.z == [0.5, -1]
        assert repr(explorer) == "Explorer(z=[0.5, -1.0])"

    @pytest.mark.parametrize("z", [[0.5], [0.5, 1, 2], [0.5, float("nan")], 3.0])
    def test_is_refused_where_it_is_no_point(self, z):
        with pytest.raises(ValueError, match=r"z must hold 2 finite numbers\. Received: z="):
            explore(small_vae(), X, Y).z = z
