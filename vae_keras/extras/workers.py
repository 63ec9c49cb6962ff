"""Training on several machines: all run one script, and the variable TF_CONFIG tells them apart.

Keras' `fit` does not support tf.distribute.MultiWorkerMirroredStrategy, so the loop over batches
stands here. Every worker runs the same lines of it: where they add something up, each waits for all
others. Files are the chief's alone.
"""

import contextlib
import functools
import hashlib
import json
import math
import os
import re
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from vae_keras.latent_model import LatentModel
from vae_keras.models import Autoencoder
from vae_keras.support.backup import Backup
from vae_keras.support.batches import Batches, digest, shuffled
from vae_keras.support.checks import a_model, above_zero, whole_number
from vae_keras.support.files import check_save_as
from vae_keras.support.finite import TerminateOnNaN
from vae_keras.support.images import check_images
from vae_keras.support.progress import ProgressLine
from vae_keras.training import identity, make_adam, rate_for

STEPS_PER_CALL = 32
HELD_OUT_BATCH = 1000
EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
LOST = (  # what TensorFlow raises where another worker does not answer
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.UnavailableError,
)


def train_on_workers(
    build: Callable[[], LatentModel],
    x: np.ndarray | Callable[[], np.ndarray],
    epochs: int = 10,
    validation_data: np.ndarray | Callable[[], np.ndarray] | None = None,
    batch_size: int = 125,
    learning_rate: float | LearningRateSchedule = 3e-3,
    seed: int | None = None,
    verbose: bool = True,
    backup_dir: str | os.PathLike | None = None,
    save_as: str | os.PathLike | None = None,
) -> keras.callbacks.History:
    """`train` on the machines that TF_CONFIG names: Adam on a cosine schedule, a line of progress.

    Start the same script on each. N workers take the steps that one takes with the same batch_size:
    each gets its part of every batch, and all end with the same weights. Each of their devices
    draws noise of its own, so the losses of a VAE differ from those of one worker as those of
    another seed do. Without TF_CONFIG there is one worker.

    TensorFlow connects the workers before it computes anything. So call this once the script has
    imported what it needs, and give the images as a function, which is called afterwards.

    Args:
        build: a function that makes the `Autoencoder` or the `VAE`, the same on each worker. All
            begin with the weights, and the seeds, of the first one, the chief.
        x: images `(n, height, width, channels)` in [0, 1], all of them on each worker; or a
            function that loads them, such as `lambda: load_data()[0][0]`.
        epochs: passes over x.
        validation_data: held-out images, or a function that loads them, evaluated after each epoch.
        batch_size: of all workers together, so at least their number.
        learning_rate: as `train`'s: a number, or a schedule.
        seed: of the order of the images, which is that of `train`; None draws one.
        verbose: True shows one line on the chief, and on the others that they have begun.
        backup_dir: as for `train`; the chief alone reads and writes it. The same command, started
            again on all workers, goes on after the last epoch saved there, also on another number
            of workers.
        save_as: a .keras file in which the chief saves the trained model.

    Returns:
        The Keras `History`, on each worker; its `model` is the trained model.

    Raises:
        TypeError: build is no function, or gives no `Autoencoder` or `VAE`; not images.
        ValueError: as `train`; a malformed TF_CONFIG; fewer images in a batch than workers; workers
            that were started with different settings or images.
        RuntimeError: TensorFlow has computed something before.
        ConnectionError: another worker was lost, which this one mostly sees within ten seconds; or
            this one's port is taken.
        FloatingPointError: a loss became NaN or infinite.
    """
    if not callable(build) or isinstance(build, keras.Model):
        raise TypeError(
            f"build must be a function that makes the model. Received: a {type(build).__name__}"
        )
    epochs, batch_size = whole_number(epochs, "epochs"), whole_number(batch_size, "batch_size")
    if not isinstance(learning_rate, LearningRateSchedule):
        above_zero(learning_rate, "learning_rate")
    if seed is not None:
        whole_number(seed, "seed", least=0)
    workers = _Workers()
    if batch_size < len(workers):
        raise ValueError(
            f"batch_size counts the images of all workers together, at least one for each: "
            f"give a larger one, or start fewer workers. Received: batch_size={batch_size} for "
            f"{len(workers)} workers"
        )
    with workers.naming_a_lost_one(backup_dir):
        workers.start(verbose)
        images = _images(x, "x")
        held_out = None if validation_data is None else _images(validation_data, "validation_data")
        rate = learning_rate
        if isinstance(rate, LearningRateSchedule):
            rate = keras.saving.serialize_keras_object(rate)
        agreed = {"epochs": epochs, "batch_size": batch_size, "learning_rate": rate, "seed": seed}
        agreed |= {
            "images": digest(images),
            "validation_data": None if held_out is None else digest(held_out),
        }
        workers.check_agreement(agreed)
        steps = math.ceil(len(images) / batch_size)
        with workers.strategy.scope():
            model = _built(build, rate_for(learning_rate, steps * epochs))
        order = Batches(images, None, held_out, batch_size, seed, model.image_shape)
        if workers.is_chief:
            check_save_as(save_as, model)

        own_callbacks = [TerminateOnNaN()]
        done, logs = 0, []
        if backup_dir is not None and workers.is_chief:
            backup = Backup(backup_dir, {"epochs": epochs, **identity(model, order, learning_rate)})
            done = backup.restore(model, order)
            logs = backup.logs
            own_callbacks.append(backup)
        live = {name: float(value) for name, value in getattr(model, "settings", {}).items()}
        done, logs, order_seed, live = workers.from_chief([done, logs, order.seed, live])
        workers.take_state_from_chief(model)
        for name, value in live.items():
            setattr(model, name, value)
        if verbose and workers.is_chief:
            own_callbacks.append(ProgressLine(model.name, epochs, done))
        callbacks = keras.callbacks.CallbackList(own_callbacks, add_history=True, model=model)
        callbacks.on_train_begin()
        for epoch in range(done):
            model.history.on_epoch_end(epoch, logs[epoch])
        batches = _shuffled(len(images), batch_size, order_seed, done, steps)
        _train(
            workers.strategy,
            model,
            images,
            batches,
            range(done, epochs),
            steps,
            held_out,
            callbacks,
        )
        callbacks.on_train_end()

        if isinstance(model, Autoencoder):  # each replica has seen the codes of its parts alone
            codes = model.encode(images)
            model.code_box.assign(np.stack([codes.min(axis=0), codes.max(axis=0)]))
        if save_as is not None and workers.is_chief:
            model.save(save_as)
        if backup_dir is not None and workers.is_chief:
            backup.remove()
        workers.sum(0)  # nobody leaves before the chief has saved
    return model.history


class _Workers:
    """All workers of a training, as one of them sees them."""

    def __init__(self):
        self.addresses, self.index = _read_tf_config(os.environ.get("TF_CONFIG", ""))
        self.is_chief = self.index == 0

    def __len__(self):
        return len(self.addresses)

    def start(self, verbose):
        """Wait until all workers are there."""
        here = f"worker {self.index} of {len(self)}, at {self.addresses[self.index]},"
        if verbose and len(self) > 1:
            print(f"{here} waits for the others", flush=True)
        try:
            self.strategy = _strategy()
        except tf.errors.UnknownError as error:
            raise ConnectionError(
                f"{here} cannot be reached there: choose a port that no other program has, and an "
                f"address of this "
                f"machine. Received: {error.message}"
            ) from None

    @contextlib.contextmanager
    def naming_a_lost_one(self, backup_dir):
        """Say which worker is gone, and what to do, instead of what TensorFlow says about it."""
        try:
            yield
        except LOST as error:
            if len(self) == 1:
                raise
            found = re.search(
                r"aborted by: .*?/job:worker/(?:replica:\d+/)?task:(\d+)", error.message, re.DOTALL
            )
            who = (
                f"worker {found[1]} ({self.addresses[int(found[1])]})"
                if found
                else "another worker"
            )
            then = "it begins anew; with a backup_dir, it would go on"
            if backup_dir is not None:
                then = (
                    f"it goes on after the last epoch saved in backup_dir={os.fspath(backup_dir)!r}"
                )
            raise ConnectionError(
                f"{who} is gone, and the others cannot train on without it: what it wrote last "
                f"may say why. "
                f"Start the same command again on all workers: {then}. Received: "
                f"{type(error).__name__}"
            ) from None

    def sum(self, numbers):
        """Sum of an array over all workers, on each; exact for float32 and integers below 2**53."""
        if len(self) == 1:
            return np.array(numbers, "float64")
        return self.strategy.reduce(
            "SUM", tf.identity(np.array(numbers, "float64")), axis=None
        ).numpy()

    def from_chief(self, value):
        """What the chief calls this with, on each worker; whatever JSON can hold."""
        text = json.dumps(value).encode() if self.is_chief else b""
        characters = np.zeros(int(self.sum(len(text))))
        characters[: len(text)] = list(text)
        return json.loads(bytes(self.sum(characters).astype("uint8")))

    def take_state_from_chief(self, model):
        """Give all workers the chief's weights, optimizer state and random layers' seeds."""
        if len(self) == 1:
            return
        for variable in [*model.weights, *model.random_states(), *model.optimizer.variables]:
            state = variable.numpy()
            variable.assign(
                self.sum(state if self.is_chief else np.zeros_like(state)).astype(state.dtype)
            )

    def check_agreement(self, settings):
        """Raise the same ValueError on all workers if one was started otherwise than the chief."""
        mine = [
            int(hashlib.blake2b(repr(value).encode(), digest_size=6).hexdigest(), 16)
            for value in settings.values()
        ]
        table = np.zeros((len(self), len(settings)))
        table[self.index] = mine
        table = self.sum(table)
        for worker, row in enumerate(table):
            others = [
                name
                for name, own, chiefs in zip(settings, row, table[0], strict=True)
                if own != chiefs
            ]
            if others:
                raise ValueError(
                    f"all workers must be started with the same settings and images: start them "
                    f"from one script, and "
                    f"give each the same data. Received: worker {worker} "
                    f"({self.addresses[worker]}) has another "
                    f"{' and another '.join(others)} than worker 0"
                )


def _read_tf_config(text):
    """Addresses of all workers, and this one's place among them."""

    def refuse(what):
        return ValueError(
            f"TF_CONFIG {what}. It must look like {EXAMPLE}. Received: TF_CONFIG={text!r}"
        )

    try:
        config = json.loads(text or "{}")
    except ValueError:
        raise refuse("is no JSON") from None
    if config == {}:
        return ["this machine"], 0
    try:
        jobs, job, index = config["cluster"], config["task"]["type"], config["task"]["index"]
        addresses = jobs["worker"]
    except (KeyError, TypeError, IndexError):
        raise refuse("must name a cluster of workers and this worker's task") from None
    if set(jobs) != {"worker"} or job != "worker":
        raise refuse("must name workers alone: worker 0 is the chief")
    listed = isinstance(addresses, list) and addresses
    if not listed or not all(re.fullmatch(r"\S+:\d+", str(address)) for address in addresses):
        raise refuse("must name each worker's host and port")
    if len(set(addresses)) < len(addresses):
        raise refuse("names an address twice")
    if type(index) is not int or not 0 <= index < len(addresses):
        raise refuse(f"must give this worker an index from 0 to {len(addresses) - 1}")
    return addresses, index


@functools.cache  # once in a process
def _strategy():
    if not os.environ.get("TF_CONFIG") and len(tf.config.list_physical_devices("GPU")) < 2:
        return tf.distribute.get_strategy()  # of one device
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        if "program startup" not in str(error):
            raise
        raise RuntimeError(
            "workers must find each other before TensorFlow computes anything: call "
            "train_on_workers first, and give "
            "it the images as a function, such as x=lambda: load_data()[0][0]. Received: "
            "TensorFlow at work already"
        ) from None


def _built(build, schedule):
    model = build()
    a_model(model, LatentModel, "build must return an Autoencoder or a VAE")
    model.compile(make_adam(schedule, model.dtype_policy))
    model.optimizer.build(model.trainable_variables)
    return model


def _images(value, name):
    return check_images(value() if callable(value) else value, name)


def _shuffled(count, batch_size, seed, first_epoch, steps):
    """Batches of indices, from an epoch on, in the order in which `train` draws them."""
    return tf.data.Dataset.counter(first_epoch).flat_map(
        lambda epoch: tf.data.Dataset.from_tensor_slices(
            shuffled(count, seed, epoch * steps)
        ).batch(batch_size)
    )


def _in_order(count):
    """Batches of indices, at least 1,000 where there are as many, and the number of batches."""
    batches = max(1, count // HELD_OUT_BATCH)
    order = tf.data.Dataset.range(batches).map(
        lambda i: tf.range(i * count // batches, (i + 1) * count // batches)
    )
    return order.repeat(), batches


def _train(strategy, model, images, batches, epochs, steps, held_out, callbacks):
    """What `fit` does elsewhere."""
    parts = _parts(strategy, images, batches)
    train_steps = _taking(strategy, model.train_step, model.get_metrics_result)
    if held_out is not None:
        held_out_batches, held_out_steps = _in_order(len(held_out))
        held_out_parts = _parts(strategy, held_out, held_out_batches)
        test_steps = _taking(strategy, model.test_step, model.get_metrics_result)
    for epoch in epochs:
        model.reset_metrics()
        for step in range(0, steps, STEPS_PER_CALL):
            logs = train_steps(parts, min(STEPS_PER_CALL, steps - step))
            callbacks.on_train_batch_end(step, logs)
        if held_out is not None:
            model.reset_metrics()
            held_out_logs = test_steps(held_out_parts, held_out_steps)
            logs |= {f"val_{name}": value for name, value in held_out_logs.items()}
        callbacks.on_epoch_end(epoch, logs)


def _parts(strategy, images, batches):
    """An iterator over the parts that this worker's devices take of batches, given as indices."""

    def parts_here(context):
        here = strategy.num_replicas_in_sync // context.num_input_pipelines
        replicas = tf.data.Dataset.range(
            context.input_pipeline_id * here, (context.input_pipeline_id + 1) * here
        )
        with tf.device("CPU"):
            all_images = tf.constant(images)

        def part(indices, replica):
            ends = (
                tf.size(indices, "int64")
                * tf.stack([replica, replica + 1])
                // strategy.num_replicas_in_sync
            )
            return tf.gather(all_images, indices[ends[0] : ends[1]])

        parts = batches.flat_map(
            lambda indices: replicas.map(lambda replica: part(indices, replica))
        )
        endless = parts.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        return endless.prefetch(64)

    return iter(strategy.distribute_datasets_from_function(parts_here))


def _taking(strategy, step, results):
    """A function: one call takes some steps on all workers' devices and returns the results."""

    @tf.function
    def take(parts, count):
        for _ in tf.range(count):
            strategy.run(step, args=(next(parts),))
        return results()

    return lambda parts, count: {
        name: float(value) for name, value in take(parts, tf.constant(count)).items()
    }
