import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_keras import Sampling

DRAWS = 20_000


def draws(mean, log_var, **options):
    ones = np.ones((DRAWS, 1), "float32")
    return Sampling(seed=0, **options)((ones * np.float32(mean), ones * np.float32(log_var))).numpy()


def test_draws_have_the_encoders_mean_and_variance():
    mean, log_var = np.array([1.0, -2.0]), np.array([0.5, -3.0])
    z = draws(mean, log_var)
    variance = np.exp(log_var)
    assert np.all(np.abs(z.mean(axis=0) - mean) < 5 * np.sqrt(variance / DRAWS))
    assert np.all(np.abs(z.var(axis=0) - variance) < 5 * variance * np.sqrt(2 / DRAWS))


def test_draws_of_two_dimensions_are_independent():
    z = draws([0.0, 0.0], [0.0, 0.0])
    assert abs(np.mean(z[:, 0] * z[:, 1])) < 5 / np.sqrt(DRAWS)


@pytest.mark.parametrize("noise_seed", [None, (3, 4)])
def test_gradients_reach_mean_and_log_var(noise_seed):
    mean, log_var = tf.zeros((5, 2)), tf.ones((5, 2))
    with tf.GradientTape() as tape:
        tape.watch((mean, log_var))
        z = Sampling(seed=0)((mean, log_var), noise_seed=noise_seed)
    by_mean, by_log_var = tape.gradient(z, (mean, log_var))
    np.testing.assert_array_equal(by_mean, np.ones((5, 2)))
    np.testing.assert_allclose(by_log_var, z / 2, rtol=1e-6)  # dz/d log σ² = ½ σ ε, and here μ = 0


def test_the_same_seed_repeats_the_sequence_and_another_does_not():
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    one, two, other = Sampling(seed=1), Sampling(seed=1), Sampling(seed=2)
    for _ in range(3):
        z = one(pair)
        np.testing.assert_array_equal(z, two(pair))
        assert not np.any(z == other(pair))


@pytest.mark.parametrize("seed", [None, 1])
def test_every_call_draws_anew(seed):
    layer = Sampling(seed)
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    assert not np.any(layer(pair) == layer(pair))


def test_without_a_seed_set_random_seed_repeats_the_draw():
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    keras.utils.set_random_seed(5)
    first = Sampling()(pair)
    fresh = Sampling()(pair)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(Sampling()(pair), first)
    assert not np.any(first == fresh)


def test_a_noise_seed_alone_decides_the_draw():
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    layer, other = Sampling(seed=1), Sampling(seed=2)
    z = layer(pair, noise_seed=(7, 0))
    layer(pair)
    np.testing.assert_array_equal(layer(pair, noise_seed=(7, 0)), z)
    np.testing.assert_array_equal(other(pair, noise_seed=(7, 0)), z)
    assert not np.any(layer(pair, noise_seed=(7, 1)) == z)
    assert not np.any(layer(pair, noise_seed=(8, 0)) == z)


@pytest.mark.parametrize("log_var", [-100.0, 100.0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_draw_and_gradient_are_finite_at_an_extreme_log_var(log_var, dtype):
    mean, log_var = tf.zeros((50, 2), dtype), tf.fill((50, 2), tf.constant(log_var, dtype))
    with tf.GradientTape() as tape:
        tape.watch(log_var)
        z = Sampling(seed=0)((mean, log_var))
    assert np.isfinite(z).all()
    assert np.isfinite(tape.gradient(z, log_var)).all()


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("noise_seed", [None, (3, 4)])
def test_draws_have_the_compute_dtype(dtype, noise_seed):
    z = Sampling(seed=0, dtype=dtype)((np.zeros((4, 2)), np.zeros((4, 2))), noise_seed=noise_seed)
    assert z.dtype == dtype.removeprefix("mixed_")


def test_draws_in_float16_are_those_of_float32_rounded():
    np.testing.assert_array_equal(draws(1.0, 0.5, dtype="mixed_float16"), draws(1.0, 0.5).astype("float16"))


@pytest.mark.parametrize(("dtype", "end"), [("float32", 3000.0), ("mixed_bfloat16", 3000.0), ("mixed_float16", 1000.0)])
def test_draws_far_out_are_cut_off_in_float16_alone(dtype, end):
    z = draws([-3000.0, 3000.0], [-100.0, -100.0], dtype=dtype)[:3]
    np.testing.assert_array_equal(z, np.tile(np.array([[-end, end]], z.dtype), (3, 1)))


def test_a_draw_is_the_mean_plus_sigma_times_the_noise_of_its_seed():
    mean, log_var = np.array([[1.0, -2.0]], "float32"), np.array([[0.5, -3.0]], "float32")
    epsilon = tf.random.stateless_normal((1, 2), (3, 4), alg="philox")
    z = Sampling()((mean, log_var), noise_seed=(3, 4))
    np.testing.assert_allclose(z, mean + np.exp(log_var / 2) * epsilon, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_not_a_pair_is_refused(count):
    with pytest.raises(TypeError, match=r"called on a pair \(mean, log_var\)"):
        Sampling()([np.zeros((4, 2))] * count)


def test_config_round_trip_repeats_the_draws():
    layer = Sampling(seed=3, name="z")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.name, again.seed) == ("z", 3)
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    np.testing.assert_array_equal(again(pair), layer(pair))


def test_it_is_a_layer_of_a_functional_model():
    mean, log_var = keras.Input((2,)), keras.Input((2,))
    model = keras.Model((mean, log_var), Sampling(seed=0)((mean, log_var)))
    z = model((np.full((3, 2), 5.0), np.full((3, 2), -80.0)))
    np.testing.assert_allclose(z, np.full((3, 2), 5.0))
