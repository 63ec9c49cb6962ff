import re
import types

import IPython.display
import keras
import numpy as np
import pytest
import tensorflow as tf
from marks import slow
from small import noiseless_vae, small_autoencoder, small_decoder, small_encoder, small_vae

from vae_keras import VAE, plot_manifold, train, training
from vae_keras.support.batches import shuffled_batches


def weights_of(model):
    return [weight.numpy().copy() for weight in model.trainable_variables]


def same(weights, others):
    return all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


def numbered(n):
    """n images that show their own number in the first pixel."""
    x = np.zeros((n, 28, 28, 1), "float32")
    x[:, 0, 0, 0] = np.arange(n) / n
    return x


class Recording(VAE):
    """A VAE that writes down which of the numbered images each step saw."""

    def __init__(self, n, **options):
        super().__init__(small_encoder(), small_decoder(), **options)
        self.record, self.n = [], n

    def train_step(self, data):
        self.add_to_record = lambda pixels: self.record.append(np.rint(pixels.numpy() * self.n).astype(int))
        tf.py_function(self.add_to_record, [data[:, 0, 0, 0]], [])
        return super().train_step(data)


def recorded_epochs(n, epochs, **options):
    """The numbers of the images as each epoch saw them."""
    model = Recording(n)
    train(model, numbered(n), epochs=epochs, verbose=False, **options)
    return np.concatenate(model.record).reshape(epochs, -1), [len(batch) for batch in model.record]


@pytest.mark.parametrize(
    ("n", "batch_size", "batches"),
    [(150, 50, [50, 50, 50]), (130, 50, [50, 50, 30]), (30, 125, [30])],
    ids=["divisible", "short last batch", "fewer images than a batch"],
)
def test_every_epoch_sees_every_image_once_in_an_order_of_its_own(eager, n, batch_size, batches):
    epochs, sizes = recorded_epochs(n, epochs=3, batch_size=batch_size, seed=1)
    assert sizes == batches * 3
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
        assert not np.array_equal(order, np.arange(n))
    assert len({tuple(order) for order in epochs}) == 3


def test_more_steps_than_one_execution_holds(no_xla):
    epochs, sizes = recorded_epochs(130, epochs=2, batch_size=3, seed=1)  # 44 steps; 32 are executed at once
    assert sizes == ([3] * 43 + [1]) * 2
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(130), (2, 1)))


def test_the_order_derives_from_seed_and_step(eager):
    for batch_size in (50, 100):  # 2 steps to an epoch, and 1
        first, second = recorded_epochs(100, epochs=2, batch_size=batch_size, seed=1)[0]
        assert not np.array_equal(first, second)
        for step, order in ((0, first), (100 // batch_size, second)):  # training that resumes at this step
            resumed = shuffled_batches(numbered(100), batch_size, 1, tf.Variable(step))
            np.testing.assert_array_equal(np.concatenate([np.rint(x[:, 0, 0, 0] * 100) for x in resumed]), order)
    assert not np.array_equal(recorded_epochs(100, epochs=1, batch_size=100, seed=2)[0][0], first)


def run(images, model_seed=1, **options):
    keras.utils.set_random_seed(0)
    vae = small_vae(seed=model_seed)
    history = train(vae, images, epochs=2, batch_size=65, verbose=False, **options).history
    return weights_of(vae), history["loss"]


def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_does_not(no_xla, images):
    weights, losses = run(images, seed=1)
    again, losses_again = run(images, seed=1)
    assert same(weights, again)
    assert losses == losses_again
    other, _ = run(images, seed=2)  # another order of the images
    assert not same(weights, other)


@pytest.mark.parametrize("kind", ["train", slow("fit")])
def test_looking_at_a_model_between_two_trainings_changes_nothing(eager, images, kind):
    def look(vae):
        vae.evaluate(images, verbose=0)
        vae.predict(images, verbose=0)
        vae.interpolate(images[0], images[1])
        plot_manifold(vae, n=3)

    def weights_after_two(look):
        keras.utils.set_random_seed(0)
        vae = small_vae()
        vae.compile("sgd", jit_compile=False)
        for _ in range(2):
            if kind == "train":
                train(vae, images, epochs=1, batch_size=65, verbose=False)
            else:
                vae.fit(images, batch_size=65, verbose=0)
            look(vae)
        return weights_of(vae)

    assert same(weights_after_two(lambda vae: None), weights_after_two(look))


def test_without_seeds_set_random_seed_decides(eager, images):
    weights, _ = run(images, model_seed=None)
    assert same(weights, run(images, model_seed=None)[0])
    orders = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        orders.append(recorded_epochs(100, epochs=1)[0])
    assert not np.array_equal(*orders)


@pytest.mark.slow
def test_xla_changes_the_speed_and_not_the_result(monkeypatch, images):
    if not training._xla_works():
        pytest.skip("this build of TensorFlow has no XLA")

    def losses():
        keras.utils.set_random_seed(0)
        history = train(noiseless_vae(), images, epochs=2, batch_size=65, seed=1, verbose=False).history
        return history["loss"] + history["kl_loss"]

    monkeypatch.setattr(training, "XLA_PAYS_FROM", 1)
    by_xla = losses()
    monkeypatch.setattr(training, "_xla_works", lambda: False)
    assert by_xla == pytest.approx(losses(), rel=1e-4)


@pytest.mark.parametrize(
    ("network", "pays_from", "expected"), [("dense", 2, True), ("dense", 3, "auto"), ("conv", 2, "auto")]
)
def test_xla_compiles_long_runs_of_dense_networks(monkeypatch, images, network, pays_from, expected):
    monkeypatch.setattr(training, "_xla_works", lambda: True)
    monkeypatch.setattr(training, "XLA_PAYS_FROM", pays_from)
    vae, chosen = small_vae(network=network), []
    monkeypatch.setattr(VAE, "compile", lambda self, **options: chosen.append(options["jit_compile"]))
    monkeypatch.setattr(VAE, "fit", lambda self, *args, **options: None)
    vae.optimizer = keras.optimizers.SGD()
    train(vae, images, epochs=1, batch_size=65, verbose=False)  # two steps
    assert chosen == [expected]


@pytest.mark.parametrize("build", [slow(small_autoencoder), small_vae])
def test_training_learns_and_reports_held_out_losses(no_xla, digits, build):
    (x_train, _), (x_test, _) = digits
    model = build()
    history = train(model, x_train, epochs=3, validation_data=x_test, learning_rate=1e-2, verbose=False).history
    assert history["val_loss"][-1] < history["loss"][0] / 2
    held_out = model.evaluate(x_test, batch_size=1000, verbose=0, return_dict=True)["loss"]
    assert held_out == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_the_learning_rate_falls_along_half_a_cosine_to_zero(eager, images):
    vae = small_vae()
    train(vae, images, epochs=4, batch_size=65, learning_rate=0.02, verbose=False)
    schedule = vae.optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(0.02)
    assert float(schedule(4)) == pytest.approx(0.01)  # the middle of 8 steps
    assert float(vae.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)
    assert int(vae.optimizer.iterations) == 8


def test_a_schedule_is_used_as_it_is(eager, images):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.02, 0.0])
    vae, short = small_vae(seed=1), small_vae(seed=1)
    short.set_weights(vae.get_weights())
    train(vae, images, epochs=3, batch_size=65, learning_rate=schedule, seed=1, verbose=False)
    assert vae.optimizer._learning_rate is schedule
    train(short, images, epochs=1, batch_size=65, learning_rate=schedule, seed=1, verbose=False)
    for weight, expected in zip(vae.get_weights(), short.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)  # after the second step the rate is 0


def test_an_autoencoder_knows_its_box_after_silent_training(no_xla, images, capsys):
    autoencoder = small_autoencoder()
    train(autoencoder, images, epochs=20, verbose=False)
    assert capsys.readouterr().out == ""
    codes = autoencoder.encode(images)
    low, high = autoencoder.code_box.numpy()
    assert np.mean((codes >= low) & (codes <= high)) > 0.98
    np.testing.assert_allclose(high - low, np.ptp(codes, axis=0), rtol=0.05)  # codes of the last epoch alone


def test_progress_is_one_line_with_name_and_losses(eager, images, capsys):
    train(small_vae(name="wide"), images, epochs=2, validation_data=images)
    out = capsys.readouterr().out
    last = out.strip().split("\r")[-1]
    assert out.strip().count("\n") == 0
    assert last.startswith("wide: 100%")
    assert "2/2" in last
    assert re.search(r" loss=\S+, reconstruction=\S+, kl=\S+, val_loss=", last)
    assert len(last) <= 100


def test_an_autoencoders_line_of_progress_has_its_one_loss(eager, images, capsys):
    train(small_autoencoder(), images, epochs=1)
    assert re.search(r"\[\S+ loss=[^,]+\]$", capsys.readouterr().out.strip())


@pytest.mark.parametrize("start", ["fit", "train"])
def test_keras_own_progress_bar_shows_both_terms_of_each_epoch(eager, images, capsys, start):
    vae = small_vae()
    if start == "fit":
        vae.compile("sgd", jit_compile=False)
        history = vae.fit(images, batch_size=65, epochs=2, validation_data=images)
    else:
        history = train(vae, images, epochs=2, batch_size=65, validation_data=images, verbose="auto")
    out = capsys.readouterr().out
    for epoch in (0, 1):
        bar = out.split(f"Epoch {epoch + 1}/2")[1].split("Epoch")[0].splitlines()[-1]
        assert "2/2" in bar
        for term in ("loss", "reconstruction_loss", "kl_loss", "val_loss", "val_reconstruction_loss", "val_kl_loss"):
            shown = float(re.findall(rf" {term}: ([0-9.e-]+)", bar)[-1])
            assert shown == pytest.approx(history.history[term][epoch], rel=1e-3, abs=1e-4)


def test_an_unknown_verbosity_is_refused(images):
    with pytest.raises(ValueError, match=r"verbose must be one of 'auto'\. Received: verbose='bar'"):
        train(small_vae(), images, verbose="bar")


@pytest.mark.parametrize("how", ["one", "a list", "none"])
def test_callbacks_are_given_as_to_fit(eager, images, how):
    seen = []
    one = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    train(small_vae(), images, epochs=2, verbose=False, callbacks={"one": one, "a list": [one], "none": None}[how])
    assert seen == ([] if how == "none" else [0, 1])


def test_more_callbacks_are_called_after_each_epoch_and_also_when_it_goes_on(eager, images, tmp_path):
    epochs = []

    class Crash(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            epochs.append(epoch)
            if epochs == [0, 1]:
                raise KeyboardInterrupt

    def run():
        train(small_vae(), images, epochs=3, seed=1, verbose=False, backup_dir=tmp_path, callbacks=[Crash()])

    with pytest.raises(KeyboardInterrupt):
        run()
    run()
    assert epochs == [0, 1, 1, 2]  # an epoch counts once all callbacks have seen its end


class Display:
    """What a notebook shows: one output, whose text is replaced."""

    def __call__(self, shown, raw, display_id):
        self.texts = [shown["text/plain"]]
        return self

    def update(self, shown, raw):
        self.texts.append(shown["text/plain"])


def test_progress_in_a_notebook_is_one_output_that_is_replaced(eager, monkeypatch, images, capsys):
    display = Display()
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=None))
    train(small_vae(name="wide"), images, epochs=2)
    assert capsys.readouterr().out == ""
    assert display.texts[-1].startswith("wide: 100%")
    assert "loss=" in display.texts[-1]
    assert all(display.texts[1:])  # nothing empties the line


def test_without_xla_training_goes_on_without_it(monkeypatch):
    def no_compiler(*args, **options):
        raise tf.errors.UnimplementedError(None, None, "no XLA here")

    monkeypatch.setattr(tf, "function", no_compiler)
    assert not training._xla_works.__wrapped__()


def test_a_trained_model_can_be_saved_and_goes_on(eager, images, tmp_path):
    vae = small_vae()
    train(vae, images, epochs=1, batch_size=65, verbose=False)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert int(again.optimizer.iterations) == 2
    for model in (vae, again):
        model.fit(images, batch_size=65, shuffle=False, verbose=0)
    assert same(weights_of(vae), weights_of(again))
