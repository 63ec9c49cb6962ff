"""The page's path from an image to the loss is Keras' own; a drawn digit is made as MNIST's were."""

import math

import numpy as np
import pytest
from front_end import images_of, needs_node, run_js
from keras import layers
from small import small_vae

from vae_keras import VAE, explore, kl_divergence, make_autoencoder, make_vae
from vae_keras.pretrained import load_pretrained

pytestmark = needs_node
IMAGE = (28, 28, 1)
X, Y = images_of(IMAGE), np.arange(40) % 10
BITS = 0.02  # how far 8 bits of a weight let a number be off
MEDIANS = [  # of the codes that the package's 2-d VAE gives the 10,000 held-out digits of MNIST, class by class
    *([-1.38, -1.21], [2.04, -0.08], [-0.21, -0.18], [0.34, 0.03], [-0.02, 0.85]),
    *([0.38, -0.6], [-0.69, -0.56], [-1.1, 1.57], [0.81, -0.3], [0.27, 0.88]),
]


def path_by_js(model, x, epsilon):
    """mu, log sigma², z, pixels, reconstruction loss and KL of each image, by the front end."""
    (packed,) = explore(model, images_of(model.image_shape), Y).data["models"]
    code = """await load(given[0]).then(model => given[1].map((x, i) => {
        const [mu, log_var = []] = encode(model, x), sigma = sigmaOf(log_var), vae = model.kind === "VAE";
        const z = vae ? mu.map((m, j) => m + sigma[j] * given[2][i][j]) : mu;
        const kl = vae ? klDivergence(mu, log_var) : 0;
        const reconstruction = reconstructionLoss(model, x, decoded(model, z));
        return { mu, log_var, z, pixels: Array.from(decode(model, z)), reconstruction, kl };
    }))"""
    seen = run_js(code, packed, np.reshape(x, (len(x), -1)).tolist(), np.asarray(epsilon).tolist())
    return {name: np.array([one[name] for one in seen]) for name in seen[0]}


class TestPath:
    @pytest.mark.parametrize("options", [{"sigma": 0.5}, {"likelihood": "bernoulli"}, {"sigma": "learned"}], ids=str)
    def test_is_that_of_the_model(self, options):
        vae = make_vae(3, (20, 10), **options)
        if options.get("sigma") == "learned":
            vae.log_sigma.assign(-1.2)
        x, epsilon = X[:10], np.random.default_rng(1).standard_normal((10, 3)).astype("float32")
        seen = path_by_js(vae, x, epsilon)
        mean, log_var = vae.encode(x)
        z = mean + np.exp(0.5 * log_var) * epsilon
        assert np.abs(z - mean).max() > 0.5
        np.testing.assert_allclose(seen["mu"], mean, atol=BITS)
        np.testing.assert_allclose(seen["log_var"], log_var, atol=BITS)
        np.testing.assert_allclose(seen["z"], z, atol=2 * BITS)
        np.testing.assert_allclose(seen["pixels"], vae.decode(z).reshape(10, -1), atol=BITS)
        np.testing.assert_allclose(seen["kl"], kl_divergence(mean, log_var), atol=BITS, rtol=BITS)
        np.testing.assert_allclose(seen["reconstruction"], vae.reconstruction(x, z), rtol=BITS)

    def test_of_an_autoencoder_has_no_chance_in_it(self):
        ae = make_autoencoder(2, (20,))
        seen = path_by_js(ae, X[:10], np.ones((10, 2)))
        np.testing.assert_allclose(seen["mu"], ae.encode(X[:10]), atol=BITS)
        np.testing.assert_array_equal(seen["z"], seen["mu"])
        loss = np.sum((X[:10] - ae.reconstruct(X[:10])) ** 2, axis=(1, 2, 3))
        np.testing.assert_allclose(seen["reconstruction"], loss, rtol=BITS)

    def test_goes_through_convolutions(self):
        vae, x = make_vae(2, "conv", (20, 36, 1)), images_of((20, 36, 1), 3)
        np.testing.assert_allclose(path_by_js(vae, x, np.zeros((3, 2)))["mu"], vae.encode(x)[0], atol=BITS)

    def test_of_the_package_s_model_is_as_right_as_the_docstring_says(self, digits):
        """100 held-out digits, each with an epsilon of its own."""
        vae, x = load_pretrained("vae-2d"), digits[1][0][:100]
        epsilon = np.random.default_rng(0).standard_normal((100, 2)).astype("float32")
        seen = path_by_js(vae, x, epsilon)
        mean, log_var = vae.encode(x)
        z = mean + np.exp(0.5 * log_var) * epsilon
        off = {
            "mu": np.abs(seen["mu"] - mean).max(),
            "log_var": np.abs(seen["log_var"] - log_var).max(),
            "pixels": np.abs(seen["pixels"] - vae.decode(seen["z"]).reshape(100, -1)).max(),
            "kl": np.abs(seen["kl"] / kl_divergence(mean, log_var) - 1).max(),
            "reconstruction": np.abs(seen["reconstruction"] / vae.reconstruction(x, z) - 1).max(),
        }
        print(off)
        assert max(off["mu"], off["pixels"]) < 0.05
        assert off["log_var"] < 0.1
        assert max(off["kl"], off["reconstruction"]) < 0.01

    def test_of_an_encoder_that_the_page_does_not_know_begins_with_what_keras_gave(self):
        class Own(layers.Layer):
            def call(self, x):
                return x[:, 0, :2, 0], x[:, 1, :2, 0]

        vae = VAE(Own(), small_vae().decoder)
        data = explore(vae, X, Y).data
        assert data["models"][0]["encoder"] is None
        heads = run_js("await load(given[0]).then(model => [0, 25].map(model.headsOf))", data["models"][0])
        x = (
            np.reshape(run_js("Array.from(new Uint8Array(await inflate(given[0])))", data["images"]), (-1, *IMAGE))
            / 255
        )
        np.testing.assert_allclose(heads, np.stack(vae.encode(x[[0, 25]]), axis=1), atol=0.003)


ZERO = [[[14 + 5 * math.cos(a), 10 + 7 * math.sin(a)] for a in np.linspace(0, 2 * math.pi, 40)]]
ONE = [[[4.0, 2.0], [3.0, 12.0]]]
SEVEN = [[[10.0, 8.0], [18.0, 8.0], [13.0, 20.0]]]


class TestDrawing:
    @pytest.mark.parametrize("strokes", [ZERO, ONE, SEVEN], ids=["0", "1", "7"])
    def test_fills_the_box_and_is_centred_as_mnist_is(self, strokes):
        ink = np.reshape(run_js("Array.from(likeMnist(given[0]))", strokes), (28, 28))
        rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.02) for axis in (1, 0))
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        places = np.arange(28) + 0.5
        for axis in (0, 1):
            assert ink.sum(axis=axis) @ places / ink.sum() == pytest.approx(14.5, abs=0.15)  # as MNIST's mean

    def test_does_not_depend_on_where_and_how_large_one_draws(self):
        large = [[[2 * x - 5, 2 * y + 1] for x, y in stroke] for stroke in SEVEN]
        small, wide = (run_js("Array.from(likeMnist(given[0]))", strokes) for strokes in (SEVEN, large))
        np.testing.assert_allclose(small, wide, atol=1e-4)

    def test_of_a_dot_stays_a_dot(self):
        ink = np.array(run_js("Array.from(likeMnist(given[0]))", [[[5, 5]]]))
        assert np.isfinite(ink).all()
        assert 2 < ink.sum() < 20

    def test_lands_among_its_class(self):
        vae, drawings = load_pretrained("vae-2d"), (ZERO, ONE, SEVEN)
        drawn = np.array([run_js("Array.from(likeMnist(given[0]))", strokes) for strokes in drawings])
        codes = vae.encode(drawn.reshape(-1, *IMAGE).astype("float32"))[0]
        distances = np.linalg.norm(codes[:, None] - np.array(MEDIANS), axis=2)
        assert np.argmin(distances, axis=1).tolist() == [0, 1, 7]

    @pytest.mark.parametrize("shape", [IMAGE, (9, 14, 3)])
    def test_can_be_moved_and_made_thicker(self, shape):
        image = np.zeros(shape, "float32")
        image[3:6, 4:8] = 1
        flat, change = image.ravel().tolist(), {"right": 2, "down": 1, "angle": 0}
        seen = run_js("Array.from(moved(new Float32Array(given[0]), given[1], given[2]))", flat, shape, change)
        np.testing.assert_allclose(np.reshape(seen, shape), np.roll(image, (1, 2), axis=(0, 1)))
        code = "[1, -1].map(n => Array.from(thicker(new Float32Array(given[0]), given[1], n)))"
        thick, thin = np.reshape(run_js(code, flat, shape), (2, *shape))
        assert thin.sum() < image.sum() < thick.sum()
        assert (thick[4, 8] == 0.5).all()
        assert (thin[4, 7] == 0.5).all()

    def test_can_be_turned_clockwise(self):
        image = np.zeros((9, 9, 1))
        image[4, 8] = 1  # at the right
        quarter = {"right": 0, "down": 0, "angle": math.pi / 2}
        code = "Array.from(moved(new Float32Array(given[0]), [9, 9, 1], given[1]))"
        assert np.unravel_index(np.argmax(run_js(code, image.ravel().tolist(), quarter)), (9, 9)) == (8, 4)  # below
