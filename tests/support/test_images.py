"""What counts as images: floats in [0, 1], of one shape or of any. (What does not: test_bad_input.py.)"""

import re

import numpy as np
import pytest
import tensorflow as tf

from vae_keras.support.images import check_images


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_images_of_any_float_type_become_float32(dtype):
    x = tf.cast(tf.fill((2, 28, 28, 1), 0.5), dtype)
    checked = check_images(x)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, np.full((2, 28, 28, 1), 0.5))


def test_images_in_float32_are_not_copied(images):
    assert check_images(images) is images


@pytest.mark.parametrize("shape", [(1, 1, 1), (28, 28, 1), (32, 32, 3), (7, 20, 2)])
def test_images_may_have_any_shape_or_must_have_one(shape):
    x = np.full((2, *shape), 0.5, "float32")
    assert check_images(x) is check_images(x, "x", shape) is x
    height, width, channels = shape
    message = f"digits must have shape (n, {height + 1}, {width}, {channels}). Received: shape={x.shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_images(x, "digits", (height + 1, width, channels))


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 0, 28, 1), (2, 28, 0, 1), (2, 28, 28, 0), (2, 2, 28, 28, 1)])
def test_what_has_no_pixel_or_no_channel_is_no_image(shape):
    message = f"x must have shape (n, height, width, channels). Received: shape={shape}"
    with pytest.raises(ValueError, match=re.escape(message)):
        check_images(np.zeros(shape, "float32"))
