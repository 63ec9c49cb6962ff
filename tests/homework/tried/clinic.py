"""Tests for the bug clinic: three independent sets that kill all eight illnesses, and wrong ones."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vae_keras.homework import clinic

ON, OFF = np.float32(40), np.float32(-40)  # logits


# The parts, one by one, in NumPy.


def kl_of_twice_the_dimensions(patient):
    mean, log_var = np.array([[1.0, -2.0]]), np.array([[0.5, -1.0]])
    kl = patient().kl
    once, twice = kl(mean, log_var), kl(np.tile(mean, 2), np.tile(log_var, 2))
    np.testing.assert_allclose(twice, 2 * np.array(once), rtol=1e-4)


def total_is_the_sum(patient):
    total = patient().total(np.float32([3.0, 10.0]), np.float32([2.0, 0.5]))
    assert np.allclose(total, [5.0, 10.5])


def draws_have_the_standard_deviation(patient):
    for sigma in (0.2, 3.0):
        z = np.array(patient().draw(np.zeros((20_000, 2)), np.full((20_000, 2), 2 * np.log(sigma))))
        assert abs(z.std() / sigma - 1) < 0.05


def draws_differ(patient):
    vae, one = patient(), np.zeros((3, 2), "float32")
    assert not np.allclose(vae.draw(one, one), vae.draw(one, one))


def draws_pass_gradients(patient):
    mean, log_var = tf.Variable([[0.3, -1.0]]), tf.Variable([[0.1, -0.4]])
    with tf.GradientTape() as tape:
        z = patient().draw(mean, log_var)
    gradients = tape.gradient(z, [mean, log_var])
    assert all(gradient is not None for gradient in gradients)
    assert np.allclose(gradients[0], 1.0)


def cross_entropy_of_a_sure_mistake(patient):
    white = np.ones((1, 28, 28, 1), "float32")
    assert np.isclose(np.array(patient().cross_entropy(white, OFF * white))[0], 40 * 784, rtol=1e-4)


def kl_of_any_batch_size(patient):
    x, vae = clinic.images(7), patient()
    kl = [vae.evaluate(x, batch_size=size, verbose=0, return_dict=True)["kl_loss"] for size in (7, 4)]
    assert np.isclose(*kl, rtol=1e-3)


def reconstruct_decodes_the_mean(patient):
    x, vae = clinic.images(), patient()
    np.testing.assert_allclose(vae.reconstruct(x), vae.decode(vae.encode(x)[0]), atol=1e-4)


# What evaluate, fit and predict show of the whole.


def evaluate_reports_the_sum_over_latents(patient):
    x, vae = clinic.images(6, seed=4), patient()
    mean, log_var = vae.encode(x)
    true = np.mean(np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1) / 2)
    assert abs(vae.evaluate(x, verbose=0, return_dict=True)["kl_loss"] / true - 1) < 1e-3


def evaluate_reports_a_sum(patient):
    found = patient().evaluate(clinic.images(4), verbose=0, return_dict=True)
    assert abs(found["loss"] - found["reconstruction_loss"] - found["kl_loss"]) < 1e-4 * found["loss"]


def draws_scatter_as_the_encoder_says(patient):
    vae = patient()
    mean, log_var = (np.repeat(head, 10_000, axis=0) for head in vae.encode(clinic.images(2)))
    scatter = (np.asarray(vae.draw(mean, log_var)) - mean) / np.exp(log_var / 2)
    assert np.all(np.abs(scatter.reshape(2, 10_000, -1).std(axis=1) - 1) < 0.06)


def the_loss_depends_on_the_draw(patient):
    vae, x = patient(), clinic.images(1)
    losses = [float(vae.loss_terms(x)[0][0]) for _ in range(5)]
    assert max(losses) - min(losses) > 1e-3


def reconstruction_reaches_the_encoder(patient):
    vae, x = patient(), tf.constant(clinic.images(3))
    with tf.GradientTape() as tape:
        reconstruction = tf.reduce_sum(vae.loss_terms(x)[0])
    gradients = tape.gradient(reconstruction, vae.encoder.trainable_weights)
    assert [g for g in gradients if g is not None and np.any(g != 0)]


def a_sure_mistake_costs_more_than_a_doubtful_one(patient):
    x = np.zeros((1, 28, 28, 1), "float32")
    cost = [patient().cross_entropy(x, np.full_like(x, logit)).numpy().item() for logit in (20, 60)]
    assert cost[1] > 2 * cost[0]


def a_short_last_batch_counts_for_its_images(patient):
    x, vae = clinic.images(5), patient()
    true = np.mean(vae.kl(*vae.encode(x)))
    assert abs(vae.evaluate(x, None, 4, 0, return_dict=True)["kl_loss"] - true) < 1e-3 * true


def the_ends_of_a_path_are_decoded_means(patient):
    vae, (a, b) = patient(), clinic.images(2)
    ends = vae.interpolate(a, b, steps=2)
    means, _ = vae.encode(np.stack([a, b]))
    assert np.abs(ends - vae.decode(means)).max() < 1e-3


# With tensors.


def kl_of_a_known_gaussian(patient):
    kl = patient().kl(tf.constant([[1.0, -2.0]]), tf.constant([[0.5, -1.0]]))
    tf.debugging.assert_shapes([(kl, (1,))])
    assert abs(float(kl[0]) - 2.7583003559) < 1e-4


def more_kl_is_more_loss(patient):
    vae, reconstruction = patient(), ops.ones((3,))
    low, high = (vae.total(reconstruction, ops.full((3,), kl)) for kl in (1.0, 2.0))
    assert ops.all(high > low)


def draws_double_when_log_var_grows_by_log_4(patient):
    vae, mean = patient(), ops.zeros((30_000, 1))
    narrow, wide = (ops.std(vae.draw(mean, ops.full((30_000, 1), v))) for v in (0.0, np.log(4.0)))
    assert 1.9 < float(wide / narrow) < 2.1


def noise_has_mean_0(patient):
    z = patient().draw(ops.zeros((10_000, 3)), ops.zeros((10_000, 3)))
    assert float(ops.max(ops.abs(ops.mean(z, axis=0)))) < 0.06


def gradients_reach_log_var(patient):
    vae, mean, log_var = patient(), tf.zeros((4, 2)), tf.ones((4, 2))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([mean, log_var])
        far = tf.reduce_sum(tf.square(vae.draw(mean, log_var)))
    towards = tape.gradient(far, log_var, unconnected_gradients="zero")
    assert tf.reduce_sum(tf.abs(towards)) > 0


def a_sure_mistake_pulls_with_force_1(patient):
    logits = tf.Variable([[-17.0, 25.0, -50.0]])
    with tf.GradientTape() as tape:
        loss = patient().cross_entropy(tf.constant([[1.0, 0.0, 1.0]]), logits)
    assert np.allclose(tape.gradient(loss, logits), [[-1.0, 1.0, -1.0]], atol=1e-3)


def metrics_weigh_images(patient):
    vae = patient()
    vae.count(*3 * [ops.convert_to_tensor([1.0, 1.0, 1.0])])
    found = vae.count(*3 * [ops.convert_to_tensor([5.0])])
    assert all(abs(float(value) - 2.0) < 1e-5 for value in found.values())


def a_call_decodes_the_mean(patient):
    vae, x = patient(), keras.ops.convert_to_tensor(clinic.images(3, seed=8))
    mean, _ = vae.encoder(x)
    assert float(ops.max(ops.abs(vae(x) - ops.sigmoid(vae.decoder(mean))))) < 1e-3


SETS = {
    "the parts": [
        kl_of_twice_the_dimensions,
        total_is_the_sum,
        draws_have_the_standard_deviation,
        draws_differ,
        draws_pass_gradients,
        cross_entropy_of_a_sure_mistake,
        kl_of_any_batch_size,
        reconstruct_decodes_the_mean,
    ],
    "the whole": [
        evaluate_reports_the_sum_over_latents,
        evaluate_reports_a_sum,
        draws_scatter_as_the_encoder_says,
        the_loss_depends_on_the_draw,
        reconstruction_reaches_the_encoder,
        a_sure_mistake_costs_more_than_a_doubtful_one,
        a_short_last_batch_counts_for_its_images,
        the_ends_of_a_path_are_decoded_means,
    ],
    "tensors": [
        kl_of_a_known_gaussian,
        more_kl_is_more_loss,
        draws_double_when_log_var_grows_by_log_4,
        noise_has_mean_0,
        gradients_reach_log_var,
        a_sure_mistake_pulls_with_force_1,
        metrics_weigh_images,
        a_call_decodes_the_mean,
    ],
}
RIGHT = {f"clinic.test_{number}": list(those) for number, those in enumerate(zip(*SETS.values(), strict=True), 1)}


# Wrong for every illness.


def passes_always(patient):
    patient()


def fails_always(patient):
    raise AssertionError("sick")


def raises_always(patient):
    return patient().no_such_name


def only_for_models_seen(test):
    """A right test that knows the models of the visible check alone."""

    def guarded(patient):
        assert patient().seed in {3, 4}
        test(patient)

    return guarded


def returns_a_verdict(patient):
    return False


ALWAYS_WRONG = {
    "it always passes": passes_always,
    "it always fails": fails_always,
    "it always raises": raises_always,
    "it returns what it should assert": returns_a_verdict,
    "no function": (1, 1),
    "the numbers": 1,
    "None": None,
    "it takes no patient": lambda: None,
}


# Wrong for one: tempting.


def kl_is_positive(patient):
    assert np.all(patient().kl(np.ones((3, 2)), np.zeros((3, 2))) > 0)


def kl_of_one_dimension(patient):
    assert np.isclose(patient().kl(np.float32([[2.0]]), np.float32([[0.0]]))[0], 2.0)


def kl_of_one_model(patient):
    vae = patient()
    assert abs(vae.evaluate(clinic.images(), verbose=0, return_dict=True)["kl_loss"] - 0.4) < 0.1


def total_is_positive(patient):
    assert patient().evaluate(clinic.images(), verbose=0) is not None
    assert patient().evaluate(clinic.images(), verbose=0, return_dict=True)["loss"] > 0


def total_is_reconstruction(patient):
    assert np.allclose(patient().total(np.ones(3), np.ones(3)), 1.0)


def draws_of_variance_1(patient):
    assert abs(np.std(patient().draw(np.zeros((20_000, 2)), np.zeros((20_000, 2)))) - 1) < 0.05


def draws_have_the_variance(patient):
    assert abs(np.std(patient().draw(np.zeros((20_000, 2)), np.full((20_000, 2), 2.0))) / np.exp(2.0) - 1) < 0.05


def draws_too_exact(patient):
    assert abs(np.std(patient().draw(np.zeros((50, 2)), np.ones((50, 2)))) / np.exp(0.5) - 1) < 1e-4


def evaluate_differs(patient):
    vae, x = patient(), clinic.images()
    assert vae.evaluate(x, verbose=0) != vae.evaluate(x, verbose=0)


def draws_differ_between_images(patient):
    z = np.asarray(patient().draw(*patient().encode(clinic.images())))
    assert not np.allclose(z[0], z[1])


def draws_are_not_the_mean(patient):
    assert not np.allclose(patient().draw(np.zeros((5, 2)), np.zeros((5, 2))), 0.0)


def gradients_forgotten(patient):
    mean, log_var = tf.Variable([[0.3, -1.0]]), tf.Variable([[0.1, -0.4]])
    with tf.GradientTape() as tape:
        z = patient().draw(mean, log_var)
    assert np.abs(tape.gradient(z, mean)).sum() > 0  # of None: a TypeError, where no gradient passes


def the_loss_reaches_the_encoder(patient):
    vae = patient()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae.total(*vae.loss_terms(clinic.images())))
    assert all(g is not None for g in tape.gradient(loss, vae.encoder.trainable_weights))


def the_decoder_gets_a_gradient(patient):
    vae = patient()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae.loss_terms(clinic.images())[0])
    assert all(g is not None for g in tape.gradient(loss, vae.decoder.trainable_weights))


def cross_entropy_of_a_doubtful_pixel(patient):
    x = np.ones((1, 28, 28, 1), "float32")
    assert np.isclose(patient().cross_entropy(x, 0 * x)[0], 784 * np.log(2), rtol=1e-4)


def cross_entropy_is_finite(patient):
    x = np.ones((1, 28, 28, 1), "float32")
    assert np.isfinite(patient().cross_entropy(x, -100 * x)).all()


def cross_entropy_as_keras_has_it(patient):
    x, p = np.ones((1, 784), "float32"), np.full((1, 784), 1e-9, "float32")
    true = 784 * keras.losses.binary_crossentropy(x, p).numpy()
    assert np.allclose(patient().cross_entropy(x, np.log(p)), true, rtol=1e-3)


def one_batch(patient):
    x, vae = clinic.images(), patient()
    kl = vae.evaluate(x, batch_size=5, verbose=0, return_dict=True)["kl_loss"]
    assert np.isclose(kl, np.mean(vae.kl(*vae.encode(x))), rtol=1e-3)


def equal_batches(patient):
    x, vae = clinic.images(6), patient()
    kl = vae.evaluate(x, batch_size=2, verbose=0, return_dict=True)["kl_loss"]
    assert np.isclose(kl, np.mean(vae.kl(*vae.encode(x))), rtol=1e-3)


def the_loss_of_any_batch_size(patient):
    x, vae = clinic.images(), patient()
    assert vae.evaluate(x, batch_size=4, verbose=0) == vae.evaluate(x, batch_size=5, verbose=0)


def reconstruct_is_repeatable(patient):
    x, vae = clinic.images(), patient()
    assert np.allclose(vae.reconstruct(x), vae.reconstruct(x))


def reconstruct_gives_images(patient):
    x_hat = patient().reconstruct(clinic.images())
    assert x_hat.shape == (5, 28, 28, 1)
    assert x_hat.min() >= 0
    assert x_hat.max() <= 1


def reconstruct_is_near_the_image(patient):
    x = clinic.images()
    assert np.abs(patient().reconstruct(x) - x).max() < 0.1


TEMPTING = {
    1: [kl_is_positive, kl_of_one_dimension, kl_of_one_model],
    2: [total_is_positive, total_is_reconstruction],
    3: [draws_of_variance_1, draws_have_the_variance, draws_too_exact],
    4: [evaluate_differs, draws_differ_between_images, draws_are_not_the_mean],
    5: [gradients_forgotten, the_loss_reaches_the_encoder, the_decoder_gets_a_gradient],
    6: [cross_entropy_of_a_doubtful_pixel, cross_entropy_is_finite, cross_entropy_as_keras_has_it],
    7: [one_batch, equal_batches, the_loss_of_any_batch_size],
    8: [reconstruct_is_repeatable, reconstruct_gives_images, reconstruct_is_near_the_image],
}
WRONG = {
    name: {
        **ALWAYS_WRONG,
        "it knows the models of the visible check": only_for_models_seen(rights[0]),
        **{test.__name__: test for test in TEMPTING[number]},
    }
    for number, (name, rights) in enumerate(RIGHT.items(), 1)
}
