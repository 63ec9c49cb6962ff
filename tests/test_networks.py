import itertools

import numpy as np
import pytest
from keras import layers

from vae_keras.networks import make_classifier, make_decoder, make_encoder

ONE = np.random.default_rng(0).random((3, 28, 28, 1)).astype("float32")


@pytest.mark.parametrize("network", ["dense", "conv"])
@pytest.mark.parametrize("latent_dim", [1, 2, 30])
def test_encoder_and_decoder_map_784_to_n_to_784(network, latent_dim):
    codes = make_encoder(latent_dim, network)(ONE)
    assert codes.shape == (3, latent_dim)
    assert make_decoder(latent_dim, network)(codes).shape == ONE.shape


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_one_output_for_each_head_of_the_encoder(network):
    encoder = make_encoder(4, network, heads=("mean", "log_var"))
    mean, log_var = encoder(ONE)
    assert mean.shape == log_var.shape == (3, 4)
    assert [output.name for output in encoder.layers[-2:]] == ["mean", "log_var"]


def test_dense_networks_have_the_parameters_of_784_512_256_64_n():
    widths = (784, 512, 256, 64, 2)

    def parameters(widths):
        return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))

    assert make_encoder(2).count_params() == parameters(widths)
    assert make_decoder(2).count_params() == parameters(widths[::-1])


@pytest.mark.parametrize("units", [(128, 64), [5]])
def test_the_units_of_dense_layers_can_be_chosen(units):
    def widths(network):
        return [layer.units for layer in network.layers if isinstance(layer, layers.Dense)]

    assert widths(make_encoder(3, units)) == [*units, 3]
    assert widths(make_decoder(3, units)) == [*reversed(units), 784]
    assert widths(make_encoder(3, ())) == [3]  # a linear one


def test_conv_networks_have_the_parameters_of_their_layers():
    encoder = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 64 + (3136 + 1) * 64 + (64 + 1) * 2
    assert make_encoder(2, "conv").count_params() == encoder
    decoder = (2 + 1) * 64 + (64 + 1) * 3136 + (9 * 64 + 1) * 64 + (9 * 64 + 1) * 32 + (9 * 32 + 1) * 1
    assert make_decoder(2, "conv").count_params() == decoder


def test_the_dense_decoder_mirrors_the_encoder():
    def hidden(network):
        return [layer.units for layer in network.layers if isinstance(layer, layers.Dense)][:-1]

    assert hidden(make_decoder(2)) == hidden(make_encoder(2))[::-1]


def test_the_conv_decoder_mirrors_the_encoder():
    def filters(network, kind):
        return [layer.filters for layer in network.layers if isinstance(layer, kind)]

    encoder, decoder = make_encoder(2, "conv"), make_decoder(2, "conv")
    assert filters(decoder, layers.Conv2DTranspose) == filters(encoder, layers.Conv2D)[::-1]


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_the_decoders_activation_bounds_the_pixels(network):
    z = np.random.default_rng(0).normal(0, 100, (50, 2))
    logits = make_decoder(2, network)(z).numpy()
    pixels = make_decoder(2, network, activation="sigmoid")(z).numpy()
    assert logits.min() < 0 < 1 < logits.max()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_two_networks_start_with_other_weights():
    one, two = make_encoder(2), make_encoder(2)
    assert not np.any(one(ONE) == two(ONE))


def test_the_classifier_gives_ten_logits_after_64_features():
    classifier = make_classifier()
    assert classifier(ONE).shape == (3, 10)
    assert classifier.get_layer("features").output.shape == (None, 64)
    assert classifier(ONE * 100).numpy().min() < 0  # logits, not probabilities
