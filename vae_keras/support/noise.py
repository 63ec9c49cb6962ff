"""Noise that a run can repeat: a training step's draws follow from (seed, step, replica) alone."""

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from vae_keras.support.checks import whole_number

OUTSIDE_OF_STEPS = 2**30  # the first counter of a draw that no step makes; steps count from 0 on
ANOTHER_REPLICA, ANOTHER_DRAW = 1_000_003, 7_919  # how far apart their seeds lie


class NoiseSeed(keras.random.SeedGenerator):
    """A `keras.random.SeedGenerator`, for `keras.random.normal(shape, seed=it)`.

    Keras' own counts draws, whoever makes them: looking at a model would change its training, and
    all replicas of a tf.distribute strategy would draw the same. Here `state` holds the seed and
    the number of training steps taken; what a step draws follows from both and its replica.
    Elsewhere each call draws anew.

    Args:
        seed: integer, at least 0; None draws one, which `keras.utils.set_random_seed` repeats.
    """

    def __init__(self, seed: int | None = None) -> None:
        seed = random.randrange(2**31) if seed is None else whole_number(seed, "seed", least=0)
        super().__init__(seed)
        self.elsewhere = keras.Variable(OUTSIDE_OF_STEPS, dtype="int64", trainable=False)
        self.counter: Any = None  # of the step that is being taken
        self.draws = 0  # in this step so far

    @property
    def seed(self) -> int:
        """The seed in use: as given, as drawn, or as loaded from a file."""
        return int(ops.convert_to_numpy(self.state)[0])

    def next(self, ordered: bool = True) -> tf.Tensor:
        """The two integers that decide the next draw."""
        counter = self.counter
        if counter is None:
            counter = self.elsewhere + 0  # a copy
            self.elsewhere.assign_add(1)
        seed = self.state[0] + ANOTHER_REPLICA * _replica() + ANOTHER_DRAW * self.draws
        self.draws += 1 if self.counter is not None else 0
        return ops.stack([seed, ops.cast(counter, self.state.dtype)])

    @contextlib.contextmanager
    def at(self, counter: Any) -> Iterator[None]:
        """Draw, inside of the `with`, what the step of this number draws."""
        self.counter, self.draws = counter, 0
        try:
            yield
        finally:
            self.counter, self.draws = None, 0


def fresh_noise(train_step: Callable) -> Callable:
    """Decorate `train_step`: each step draws noise of its own, the same whenever it is repeated."""

    @functools.wraps(train_step)
    def step(model, data):
        noise = model.sampling.seed_generator
        with noise.at(noise.state[1]):
            logs = train_step(model, data)
        noise.state.assign(noise.state + ops.convert_to_tensor([0, 1], noise.state.dtype))
        return logs

    return step


def repeated_noise(test_step: Callable) -> Callable:
    """Decorate `test_step`: each evaluation draws the same noise, which no training step draws."""

    @functools.wraps(test_step)
    def step(model, data):
        with model.sampling.seed_generator.at(-1 - model.loss_tracker.batches):
            return test_step(model, data)

    return step


def _replica():
    replica = tf.distribute.get_replica_context()
    return 0 if replica is None else ops.cast(replica.replica_id_in_sync_group, "int64")
