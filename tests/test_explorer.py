"""The explorer is one page that needs nothing from outside, and shows what the decoder decodes."""

import base64
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from small import small_autoencoder, small_vae

from vae_keras import explore
from vae_keras.explorer import EXTENT, GRID

X = np.random.default_rng(0).random((40, 28, 28, 1), dtype="float32")
Y = np.arange(40) % 10


def data_of(explorer):
    return json.loads(re.search(r"const data = (\{.*?\});", explorer.page).group(1))


def test_asks_nothing_of_the_network():
    page = explore(small_vae(), X, Y).page
    links = re.findall(r"https?://[^\"' ]*", page)
    assert set(links) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=|fetch\(|import ", page)


def test_shows_itself_in_a_frame_of_its_own():
    shown = explore(small_vae(), X, Y)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert shown.count("<") == 2  # the page inside is escaped
    assert len(shown) < 500_000


def test_sprite_holds_the_decoded_plane_with_z2_upwards():
    vae = small_vae()
    png = base64.b64decode(data_of(explore(vae, X, Y))["sprite"])
    picture = tf.io.decode_png(png).numpy()[..., 0] / 255
    assert picture.shape == (GRID * 28, GRID * 28)
    top_right, bottom_left = vae.decode([[EXTENT, EXTENT], [-EXTENT, -EXTENT]])[..., 0]
    np.testing.assert_allclose(picture[:28, -28:], top_right, atol=0.011)  # 64 greys
    np.testing.assert_allclose(picture[-28:, :28], bottom_left, atol=0.011)


def test_points_are_the_codes_of_the_images():
    vae = small_vae()
    points = np.array(data_of(explore(vae, X, Y))["points"])
    codes = vae.encode(X)[0]
    shown = np.abs(codes).max(axis=1) <= EXTENT
    np.testing.assert_allclose(points[:, :2], codes[shown], atol=0.006)
    np.testing.assert_array_equal(points[:, 2], Y[shown])


def test_says_what_it_cannot_show():
    with pytest.raises(ValueError, match="Received: latent_dim=3"):
        explore(small_vae(latent_dim=3), X, Y)
    with pytest.raises(TypeError, match="Received: Autoencoder"):
        explore(small_autoencoder(), X, Y)
    with pytest.raises(ValueError, match="one class for each image"):
        explore(small_vae(), X, Y[:-1])
