"""What a step on several devices at once (tf.distribute) has to do besides.

Keras sums the replicas' gradients. Their parts of a short batch may differ in size, or be empty.
"""

import tensorflow as tf
from keras import ops


def several() -> bool:
    """Whether this code runs on one of several replicas."""
    replica = tf.distribute.get_replica_context()
    return replica is not None and replica.num_replicas_in_sync > 1


def mean_over_images(per_image: tf.Tensor) -> tf.Tensor:
    """Mean over the images of a batch; of several replicas, this one's share of it."""
    if not several():
        return ops.mean(per_image)
    images = ops.cast(ops.shape(per_image)[0], per_image.dtype)
    return ops.sum(per_image) / tf.distribute.get_replica_context().all_reduce("sum", images)


def penalties(losses: list[tf.Tensor]) -> tf.Tensor:
    """Sum of a model's `losses`, those of its regularizers, in float32.

    All replicas compute them alike: of several, this one's share.
    """
    total = sum(ops.cast(loss, "float32") for loss in losses)
    return total / tf.distribute.get_strategy().num_replicas_in_sync


def of_all(per_image: tf.Tensor) -> tf.Tensor:
    """Rows of all replicas of this machine, on each."""
    if not several() or tf.distribute.get_strategy().cluster_resolver is not None:
        return per_image
    return tf.distribute.get_replica_context().all_gather(per_image, axis=0)


def never_empty(batch: tf.Tensor) -> tf.Tensor:
    """A batch, or one of zeros where it is empty: TensorFlow's convolutions fail on no image."""
    wanted = ops.cast(ops.shape(batch)[0] == 0, "int32")
    return tf.concat([batch, tf.zeros([wanted, *batch.shape[1:]], batch.dtype)], axis=0)
