"""What `fit`, `evaluate` and `predict` are given, looked at before a step is taken on it.

Arrays are checked wholly at once; of whatever gives batches (a tf.data.Dataset, a PyDataset, a
generator) each batch is checked before its step, and an error names it.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_keras.support.checks import whole_number
from vae_keras.support.images import check_images

Shape = tuple[int, int, int]


def unpack_x_y_sample_weight(data: Any) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """A batch as a step needs it: images, what is to be drawn for them, and a weight for each.

    What is to be drawn is y where y has the images' shape, else x itself: class numbers are
    ignored.
    """
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    x, weight = tf.convert_to_tensor(x), 1.0 if weight is None else weight
    y = x if y is None or len(y.shape) != len(x.shape) else tf.convert_to_tensor(y)
    return x, y, tf.reshape(tf.cast(weight, "float32"), [-1]) if tf.is_tensor(weight) else weight


def look_at(method: Callable) -> Callable:
    """Wrap a Keras method that takes images, so that what it is given is looked at first.

    Its signature stays Keras' own.
    """
    signature = inspect.signature(method)

    @functools.wraps(method)
    def looked_at(self, *args, **kwargs):
        # by a `fit` that has looked at its validation_data
        if kwargs.get("_use_cached_eval_dataset"):
            return method(self, *args, **kwargs)
        given = signature.bind(self, *args, **kwargs)
        arguments, found = given.arguments, list[Exception]()
        for name in ("batch_size", "epochs"):
            if name in arguments and (name, arguments[name]) != ("batch_size", None):
                whole_number(arguments[name], name)
        self.check_ready(method.__name__)
        look = (
            checked_arrays
            if "on_batch" in method.__name__
            else functools.partial(checked, found=found)
        )
        arguments["x"], y = look(arguments.get("x"), arguments.get("y"), shape=self.image_shape)
        check_weights(
            arguments["x"], y, arguments.get("sample_weight"), arguments.get("class_weight")
        )
        if y is None and arguments.get("sample_weight") is not None:
            y = arguments["x"]  # Keras drops weights, in silence, where there is no y
        if y is not None:
            arguments["y"] = y
        if arguments.get("validation_data") is not None:
            data = arguments["validation_data"]
            arguments["validation_data"] = checked_validation(data, self.image_shape, found)
        with told(found):
            return method(*given.args, **given.kwargs)

    return looked_at


def checked(
    x: Any, y: Any = None, name: str = "x", *, shape: Shape, found: list
) -> tuple[Any, Any]:
    """X and y as Keras takes them, checked now or batch by batch.

    Args:
        x: images, or what gives batches of them.
        y: what is to be drawn, class numbers, or None.
        name: of x, for errors.
        shape: of an image.
        found: a list into which an error goes that is found while TensorFlow runs: see `told`.
    """
    if getattr(x, "is_checked", False) or type(x).__module__.startswith("torch."):
        return x, y  # a dataset that `train` made of images that it has checked; a DataLoader
    gives_batches = isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)) or inspect.isgenerator(
        x
    )
    if gives_batches and y is not None:
        raise ValueError(
            f"{name} gives batches: let it give pairs (images, targets). Received: y beside it"
        )
    if isinstance(x, tf.data.Dataset):
        return _checked_dataset(x, name, shape, found), y
    if isinstance(x, keras.utils.PyDataset):
        if x.num_batches == 0:
            raise ValueError(
                f"{name} must hold at least one batch. Received: a {type(x).__name__} of length 0"
            )
        return _CheckedBatches(x, name, shape, found), y
    if inspect.isgenerator(x):
        batches = (check_batch(b, f"{name}[{i}]", shape, found) for i, b in enumerate(x))
        return (b if isinstance(b, tuple) else (b,) for b in batches), y
    return checked_arrays(x, y, name, shape)


def checked_arrays(
    x: Any, y: Any = None, name: str = "x", shape: Shape | None = None
) -> tuple[Any, Any]:
    """Images, and what is to be drawn for them or class numbers or None, checked."""
    x = check_images(x, name, shape)
    y = check_target(y, x.shape)
    if y is not None and len(y) != len(x):
        raise ValueError(f"{name} and y must be as many. Received: {len(x)} and {len(y)}")
    return x, y


def check_weights(x: Any, y: Any, sample_weight: Any, class_weight: Any) -> None:
    """Raise a ValueError for weights that are no numbers, or of classes that are not given."""
    if sample_weight is not None:
        weights = np.asarray(sample_weight)
        if not np.issubdtype(weights.dtype, np.number) or not np.isfinite(weights).all():
            raise ValueError("sample_weight must hold finite numbers. Received: others")
    if class_weight is not None and isinstance(x, np.ndarray) and (y is None or np.ndim(y) > 2):
        received = "no y" if y is None else "images"
        raise ValueError(f"class_weight needs class numbers as y. Received: {received}")


def check_target(y: Any, shape: tuple, name: str = "y") -> Any:
    """Y as it is to be drawn, images of x's shape; or class numbers, `(n,)`, left as they are."""
    if y is None:
        return None
    found = np.shape(y)
    if len(found) == 4 and found[1:] == shape[1:]:
        return check_images(np.asarray(y), name, shape[1:])
    if len(found) == 1 or (len(found) == 2 and found[1] == 1):
        if not tf.is_tensor(y) and np.asarray(y).dtype.kind in "USOM":
            kind = np.asarray(y).dtype
            raise ValueError(f"{name} must hold class numbers, or images. Received: dtype={kind}")
        return y
    raise ValueError(
        f"{name} must hold images to be drawn, {('n', *shape[1:])}, or class numbers, (n,). "
        f"Received: shape={found}".replace("'", "")
    )


def check_batch(batch: Any, name: str, shape: Shape, found: list) -> Any:
    """A batch of images, perhaps with more, as it was; what is wrong with it is raised and kept."""
    try:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        x = check_images(x, name, shape)
        check_target(y, x.shape, f"y of {name}")
    except (TypeError, ValueError) as error:
        found.append(error)
        raise
    return batch


@contextlib.contextmanager
def told(found: list) -> Iterator[None]:
    """Raise what was found in a batch without the trace that TensorFlow puts around it."""
    try:
        yield
    except Exception:
        if found:
            raise found[0] from None
        raise


class _CheckedBatches(keras.utils.PyDataset):
    """A PyDataset whose batches are checked as they are asked for."""

    def __init__(self, batches, name, shape, found):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches, self.check = batches, (name, shape, found)

    @property
    def num_batches(self):
        return self.batches.num_batches

    def __getitem__(self, i):
        name, shape, found = self.check
        return check_batch(self.batches[i], f"{name}[{i}]", shape, found)

    def on_epoch_begin(self):
        self.batches.on_epoch_begin()

    def on_epoch_end(self):
        self.batches.on_epoch_end()


def checked_validation(data: Any, shape: Shape, found: list) -> Any:
    """`validation_data` of `fit`: images, or images and targets, as `checked` gives them."""
    look = functools.partial(checked, name="validation_data", shape=shape, found=found)
    if data is None:
        return None
    if not isinstance(data, (tuple, list)):
        data = look(data)[0]
        if isinstance(data, tf.data.Dataset):
            with told(found):
                next(iter(data))  # a dataset's first batch, before anything is trained
        return data
    if len(data) == 0:
        raise ValueError(
            "validation_data must hold images, or images and targets. Received: nothing"
        )
    x, y = look(data[0], data[1] if len(data) > 1 else None)
    return (x, x if y is None and len(data) > 2 else y, *data[2:])  # Keras would drop the weights


def _checked_dataset(dataset, name, shape, found):
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    x = parts[0]
    is_tensor = isinstance(x, tf.TensorSpec) and x.shape.rank == 4  # no dictionary, and known
    if not (is_tensor and x.dtype.is_floating and x.shape.is_compatible_with((None, *shape))):
        wanted = ", ".join(map(str, ("batch", *shape)))
        raise ValueError(f"{name} must give batches of floats in [0, 1], ({wanted}). Received: {x}")
    drawn = len(parts) > 1 and getattr(parts[1], "shape", None) is not None and parts[1].shape.rank
    if drawn and drawn > 2 and not parts[1].shape.is_compatible_with((None, *shape)):
        raise ValueError(
            f"y must hold images to be drawn, {('n', *shape)}, or class numbers, (n,). "
            f"Received: {parts[1]}".replace("'", "")
        )
    if drawn == 2 and parts[1].shape[1] not in (1, None):
        raise ValueError(
            f"y must hold images to be drawn, or class numbers, (n,). Received: {parts[1]}"
        )
    if dataset.cardinality() == 0:
        raise ValueError(f"{name} must hold at least one batch. Received: an empty dataset")
    images = [0, 1] if drawn == 4 else [0]

    def tell(i, *batch):  # in Python, and only where something is wrong
        batch = tuple(part.numpy() for part in batch)
        check_batch(batch if len(batch) > 1 else batch[0], f"{name}[{i.numpy()}]", shape, found)

    @tf.autograph.experimental.do_not_convert
    def check(i, batch):
        parts = batch if isinstance(batch, tuple) else (batch,)
        looked_at = [tf.cast(parts[k], "float32") for k in images]
        good = tf.reduce_all([tf.reduce_all((one >= 0) & (one <= 1)) for one in looked_at])
        wrong = tf.cond(good, tf.no_op, lambda: tf.py_function(tell, [i, *looked_at], []))
        with tf.control_dependencies([wrong]):
            return tf.nest.map_structure(tf.identity, batch)

    looked_at = dataset.enumerate().map(check)
    if dataset.cardinality() < 0:  # it does not know
        return looked_at
    return looked_at.apply(tf.data.experimental.assert_cardinality(dataset.cardinality()))
