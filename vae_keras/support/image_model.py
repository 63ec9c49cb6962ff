"""A Keras model of images that checks what it is given and loses neither file nor random state."""

from typing import Any

import keras

from vae_keras.support.device import check_is_there
from vae_keras.support.files import saved_whole
from vae_keras.support.inputs import look_at


class ImageModel(keras.Model):
    """A `keras.Model` with a loss of its own, whose `image_shape` is (height, width, channels)."""

    image_shape: tuple[int, int, int]

    # Without these, pixels from 0 to 255 train in silence, to a loss of minus ten billion.
    fit = look_at(keras.Model.fit)
    evaluate = look_at(keras.Model.evaluate)
    predict = look_at(keras.Model.predict)
    train_on_batch = look_at(keras.Model.train_on_batch)
    test_on_batch = look_at(keras.Model.test_on_batch)
    predict_on_batch = look_at(keras.Model.predict_on_batch)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Without this, Keras averages the devices' parts of a batch, which fails where 125 images
        are 63 and 62 (keras#19246). It builds by it what is built here already, but the optimizer.
        """
        if self.distribute_strategy.num_replicas_in_sync == 1:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
        elif self.compiled and self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """As `keras.Model.save`. Without this, a process killed midway loses the old file, too."""
        with saved_whole(filepath, (".keras", ".h5"), overwrite) as path:
            super().save(path, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """As `keras.Model.save_weights`. Without this: as for `save`."""
        with saved_whole(filepath, (".weights.h5",), overwrite) as path:
            super().save_weights(path, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """As `keras.Model.load_weights`. Without this, a failure leaves the model half changed."""
        variables = [
            *self.weights,
            *self.random_states(),
            *(self.optimizer.variables if self.compiled else ()),
        ]
        before = [variable.numpy() for variable in variables]
        try:
            super().load_weights(filepath, skip_mismatch=skip_mismatch, **kwargs)
        except Exception as error:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            if not isinstance(error, ValueError):
                raise
            raise ValueError(
                f"{filepath} holds no weights for this model: its networks are not those that "
                f"were saved. Received: {str(error).partition(chr(10))[0]}"
            ) from error

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """As `keras.Model.export`. Without this, Keras wants a call first, and fit makes none."""
        spec = [keras.InputSpec(shape=(None, *self.image_shape), dtype="float32")]
        super().export(filepath, format, verbose, input_signature or spec, **kwargs)

    def save_own_variables(self, store):
        """Keras saves no random state (of Dropout, Sampling): after loading, draws would repeat."""
        super().save_own_variables(store)
        for i, state in enumerate(self.random_states()):
            store[f"seed{i}"] = state.numpy()

    def load_own_variables(self, store):
        """The reverse of `save_own_variables`."""
        names = store.keys()
        super().load_own_variables(
            {name: store[name] for name in names if not name.startswith("seed")}
        )
        for i, state in enumerate(self.random_states()):
            state.assign(store[f"seed{i}"])

    def random_states(self) -> list[keras.Variable]:
        """How far random layers have drawn, one variable for each."""
        metrics = (variable for metric in self.metrics for variable in metric.variables)
        others = {id(variable) for variable in [*self.weights, *metrics]}
        states = [variable for variable in self.variables if id(variable) not in others]
        generator: Any = getattr(getattr(self, "sampling", None), "seed_generator", None)
        return states + ([generator.elsewhere] if hasattr(generator, "elsewhere") else [])

    def check_ready(self, method: str) -> None:
        """Raise a ValueError where `fit`, `evaluate` or their kind cannot do what is asked for."""
        check_is_there(self.trainable_variables)
        config: dict[str, Any] = (self.get_compile_config() or {}) if self.compiled else {}
        given = [
            name for name in ("loss", "metrics", "weighted_metrics") if config.get(name) is not None
        ]
        if given and "predict" not in method:
            raise ValueError(
                f"{type(self).__name__} brings its own loss and metrics: compile it with an "
                f"optimizer alone. "
                f"Received: {', '.join(given)}"
            )
        if method in ("fit", "train_on_batch") and not self.trainable_variables:
            raise ValueError(
                f"there is nothing to train: set trainable = True on the model or on a network, "
                f"and compile it "
                f"again. Received: a {type(self).__name__} whose weights are all frozen"
            )
