import types

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


def test_gradients_reach_mean_and_log_var():
    mean, log_var = tf.zeros((5, 2)), tf.ones((5, 2))
    with tf.GradientTape() as tape:
        tape.watch((mean, log_var))
        z = Sampling(seed=0)((mean, log_var))
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


def at(counter, seed=7, replica=0):
    """What a layer of this seed draws in the step of this number."""
    layer, pair = Sampling(seed=seed), (np.zeros((4, 2)), np.zeros((4, 2)))
    layer(pair)  # what is drawn outside of a step changes nothing
    with layer.seed_generator.at(counter):
        return layer(pair).numpy()


def test_seed_and_step_alone_decide_the_draw_of_a_step():
    np.testing.assert_array_equal(at(0), at(0))
    np.testing.assert_array_equal(at(tf.constant(5, "int64")), at(5))
    others = [at(1), at(-1), at(0, seed=8), at(2**30)]
    assert not any(np.any(other == at(0)) for other in others)


def test_two_draws_of_one_step_differ():
    layer, pair = Sampling(seed=1), (np.zeros((4, 2)), np.zeros((4, 2)))
    with layer.seed_generator.at(3):
        first, second = layer(pair).numpy(), layer(pair).numpy()
    assert not np.any(first == second)
    with layer.seed_generator.at(3):
        np.testing.assert_array_equal(layer(pair), first)


def test_noise_does_not_depend_on_what_was_drawn_before_or_on_the_order_of_steps():
    layer, pair = Sampling(seed=1), (np.zeros((4, 2)), np.zeros((4, 2)))
    drawn = {}
    for step in (4, 2, 9):
        with layer.seed_generator.at(step):
            drawn[step] = layer(pair).numpy()
    for step, z in drawn.items():
        np.testing.assert_array_equal(at(step, seed=1), z)


def test_each_replica_draws_noise_of_its_own(monkeypatch):
    generator = Sampling(seed=7).seed_generator
    seeds = []
    for replica in (0, 1, 3):
        context = types.SimpleNamespace(replica_id_in_sync_group=replica)
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda context=context: context)
        with generator.at(5):
            seeds.append(tuple(generator.next().numpy()))
    assert seeds[0] == (7, 5)
    assert len(set(seeds)) == 3


@pytest.mark.parametrize("log_var", [-100.0, 100.0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_draw_and_gradient_are_finite_at_an_extreme_log_var(log_var, dtype):
    mean, log_var = tf.zeros((50, 2), dtype), tf.fill((50, 2), tf.constant(log_var, dtype))
    with tf.GradientTape() as tape:
        tape.watch(log_var)
        z = Sampling(seed=0)((mean, log_var))
    assert np.isfinite(z).all()
    assert np.isfinite(tape.gradient(z, log_var)).all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_draws_are_made_in_float32_whatever_the_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        z = Sampling(seed=0)((tf.ones((4, 2), "float16"), tf.fill((4, 2), tf.constant(24.0, "float16"))))
    finally:
        keras.config.set_dtype_policy("float32")
    assert z.dtype == "float32"
    assert np.isfinite(z).all()  # sigma is 162,755: float16 ends at 65,504


def test_a_draw_is_the_mean_plus_sigma_times_the_noise_of_its_seed():
    mean, log_var = np.array([[1.0, -2.0]], "float32"), np.array([[0.5, -3.0]], "float32")
    layer = Sampling(seed=3)
    with layer.seed_generator.at(4):
        epsilon = keras.random.normal((1, 2), seed=layer.seed_generator)
    with layer.seed_generator.at(4):
        z = layer((mean, log_var))
    np.testing.assert_allclose(z, mean + np.exp(log_var / 2) * epsilon, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_not_a_pair_is_refused(count):
    with pytest.raises(TypeError, match=r"called on a pair \(mean, log_var\)"):
        Sampling()([np.zeros((4, 2))] * count)


def test_config_round_trip_repeats_the_draws():
    layer = Sampling(seed=3, name="z")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.name, again.seed_generator.seed) == ("z", 3)
    pair = np.zeros((4, 2)), np.zeros((4, 2))
    np.testing.assert_array_equal(again(pair), layer(pair))


def test_it_is_a_layer_of_a_functional_model():
    mean, log_var = keras.Input((2,)), keras.Input((2,))
    model = keras.Model((mean, log_var), Sampling(seed=0)((mean, log_var)))
    z = model((np.full((3, 2), 5.0), np.full((3, 2), -80.0)))
    np.testing.assert_allclose(z, np.full((3, 2), 5.0))
