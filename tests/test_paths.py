import numpy as np
import pytest

from vae_keras import linear_path, spherical_path

RNG = np.random.default_rng(0)
PAIR = RNG.standard_normal((2, 16)).astype("float32")


@pytest.mark.parametrize("path", [linear_path, spherical_path])
@pytest.mark.parametrize("latent", [1, 2, 16])
@pytest.mark.parametrize("steps", [2, 9])
def test_the_ends_are_the_two_codes_exactly(path, latent, steps):
    for z_a, z_b in RNG.standard_normal((20, 2, latent)).astype("float32") * 100:
        z = path(z_a, z_b, steps)
        assert z.shape == (steps, latent)
        np.testing.assert_array_equal(z[0], z_a)
        np.testing.assert_array_equal(z[-1], z_b)


@pytest.mark.parametrize("path", [linear_path, spherical_path])
def test_the_path_keeps_the_dtype_of_the_codes(path):
    assert path(*PAIR).dtype == np.float32


@pytest.mark.parametrize("path", [linear_path, spherical_path])
def test_a_negative_zero_at_an_end_keeps_its_sign(path):
    ends = np.array([[-0.0, 1.0], [1.0, -0.0]])
    np.testing.assert_array_equal(np.signbit(path(*ends)[[0, -1]]), np.signbit(ends))


@pytest.mark.parametrize("path", [linear_path, spherical_path])
@pytest.mark.parametrize(("z_a", "z_b"), [(1.0, 2.0), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0]), ([[1.0]], [[2.0]])])
def test_ends_that_are_not_two_codes_of_one_shape_are_refused(path, z_a, z_b):
    with pytest.raises(ValueError, match=r"two codes of the same shape \(latent,\)"):
        path(z_a, z_b)


def test_linear_path_is_straight_and_even():
    steps = np.diff(linear_path(*PAIR, steps=9), axis=0)
    np.testing.assert_allclose(steps, np.tile((PAIR[1] - PAIR[0]) / 8, (8, 1)), atol=1e-6)


def test_spherical_path_turns_at_a_constant_rate():
    z = spherical_path(*PAIR, steps=9)
    directions = z / np.linalg.norm(z, axis=1, keepdims=True)
    angles = np.arccos(np.sum(directions[1:] * directions[:-1], axis=1))
    np.testing.assert_allclose(angles, angles[0], rtol=1e-3)


def test_spherical_path_changes_its_norm_evenly():
    z_a, z_b = PAIR[0], 3 * PAIR[1]
    norms = np.linalg.norm(spherical_path(z_a, z_b, steps=9), axis=1)
    np.testing.assert_allclose(norms, np.linspace(norms[0], norms[-1], 9), rtol=1e-5)


def test_spherical_path_keeps_the_norm_that_the_line_loses():
    z_a, z_b = PAIR / np.linalg.norm(PAIR, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(spherical_path(z_a, z_b), axis=1), 1, rtol=1e-5)
    assert np.linalg.norm(linear_path(z_a, z_b), axis=1).min() < 0.9


def test_a_quarter_turn_has_its_middle_at_45_degrees():
    middle = spherical_path(np.array([2.0, 0.0]), np.array([0.0, 2.0]), steps=3)[1]
    np.testing.assert_allclose(middle, [np.sqrt(2), np.sqrt(2)])


@pytest.mark.parametrize(
    ("z_a", "z_b"),
    [([1.0, 1.0], [2.0, 2.0]), ([1.0, 1.0], [-1.0, -1.0]), ([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0])],
    ids=["same direction", "opposite", "from zero", "to zero"],
)
def test_spherical_path_is_the_line_where_no_turn_is_defined(z_a, z_b):
    z_a, z_b = np.array(z_a), np.array(z_b)
    np.testing.assert_array_equal(spherical_path(z_a, z_b), linear_path(z_a, z_b))


def test_spherical_path_between_equal_codes_stays_there():
    np.testing.assert_allclose(spherical_path(PAIR[0], PAIR[0]), np.tile(PAIR[0], (9, 1)))


def test_spherical_path_between_nearly_equal_directions_is_finite_and_near():
    z = spherical_path(PAIR[0], PAIR[0] * np.float32(1 + 1e-6))
    np.testing.assert_allclose(z, np.tile(PAIR[0], (9, 1)), rtol=1e-5)
