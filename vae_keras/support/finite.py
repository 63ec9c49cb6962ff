"""A training that has become NaN stops, and says which term it was."""

import math

import keras
from keras import ops


class Mean(keras.metrics.Mean):
    """A mean over images, exact also where the last batch is short.

    It counts the batches since it was reset, and of all steps those that were not finite.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.batches = self.add_variable((), initializer="zeros", dtype="int64", name="batches")
        self.broken_steps = self.add_variable((), initializer="zeros", name="broken_steps")

    def update_state(self, values, sample_weight=None):
        super().update_state(values, sample_weight)
        self.batches.assign_add(1)
        self.broken_steps.assign_add(ops.cast(~ops.isfinite(ops.sum(values)), "float32"))

    def reset_state(self):
        super().reset_state()
        self.batches.assign(0)


class TerminateOnNaN(keras.callbacks.Callback):
    """Stops a training at the first loss that is not finite and says which term it was.

    Keras' callback of this name looks at the loss alone and only stops: what is drawn afterwards is
    drawn from NaN.

    Raises:
        FloatingPointError: a loss is NaN or infinite.
    """

    def on_train_batch_end(self, batch, logs=None):
        terms = {name: float(value) for name, value in (logs or {}).items()}
        broken = [name for name in terms if not math.isfinite(terms[name])]
        if not broken:
            return
        # By now a NaN has spread through the weights to all terms. What broke first has most steps.
        counts = {metric.name: getattr(metric, "broken_steps", 0) for metric in self.model.metrics}
        steps = {name: int(ops.convert_to_numpy(count)) for name, count in counts.items()}
        first = [name for name in broken if steps.get(name, 0) == max(steps.values(), default=0)]
        first.sort(key=lambda name: name == "loss")  # the sum of the others comes last
        received = ", ".join(f"{name}={value:.4g}" for name, value in terms.items())
        raise FloatingPointError(
            f"{self.model.name}: {' and '.join(first)} stopped being finite by step "
            f"{self.model.optimizer.iterations.numpy()}. Try a lower learning_rate, or look at "
            f"what "
            f"the networks give for these images. Received: {received}"
        )
