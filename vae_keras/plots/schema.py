"""The lecture's schema of an autoencoder or VAE with one image's activations (rows L04 and L17)."""

import itertools

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Circle, Polygon

from vae_keras.models import LatentModel
from vae_keras.plots.arguments import a_model, one_image_or_batch, takes
from vae_keras.plots.digits import as_colours, as_picture, show
from vae_keras.plots.style import ORANGE, SIGNED, SKY, axes_or_new, styled

# Lengths are in inches on a figure of the default size.
WIDTH, HEIGHT = 9.0, 3.85
FLOOR = -2.1  # the lower edge; the images and z stand at 0
IMAGE = 1.1  # side of an image
FIRST = IMAGE + 0.42  # where the first column stands; the last one mirrors it
SMALL, LARGE = 0.135, 0.4  # from one unit to the next; large ones carry their value
TALLEST, CODE_UNITS = 22, 6  # units shown beside the images, and of a code, at most
LINES = 80  # connections drawn between two columns: those that carry most


@styled
@takes(model=a_model, image=one_image_or_batch)
def plot_schema(
    model: LatentModel,
    image: np.ndarray,
    seed: int = 0,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Schema of the network, narrow at the code z, with one image on its way from x to x hat.

    Rows L04 and L17.

    Each column is a layer, with its size below, and each disc a unit, coloured by its activation.
    The lines are the connections that carry most: weight times activation. Of a large layer those
    units are shown that are most active, of an image evenly spaced pixels.

    Args:
        model: an `Autoencoder` or a `VAE` whose networks are plain chains of layers, as are those
            of `make_autoencoder` and `make_vae`, or `keras.Sequential`.
        image: `(height, width, channels)`, or a batch of one.
        seed: of a VAE's epsilon.
        title: of the axes.
        ax: Matplotlib axes of about 9 × 4 inches, or None for a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: more than one image, or a network that is not a chain of layers.
    """
    x = image  # as a batch of one, by now
    heads = _heads(model, x, seed) if hasattr(model, "sampling") else {}
    encoder = _columns(model.encoder, _Column(x))
    z = heads.pop("z") if heads else encoder.pop()
    decoder = _columns(model.decoder, _Column(z.values[None]))[1:]
    x_hat = model.decode(z.values[None])
    decoder[-1].values = x_hat.ravel()  # pixels also where the network gives their logits
    decoder[-1].size = encoder[0].size

    ax = axes_or_new(ax, (WIDTH, HEIGHT))
    ax.axis("off")
    _place(encoder, heads, z, decoder)
    outputs = [heads["mu"], heads["sigma"]] if heads else [z]  # of the encoder
    _hull(ax, encoder[0], outputs, SKY, r"$E_\phi$")
    _hull(ax, decoder[-1], [z], ORANGE, r"$D_\theta$")
    for before, after in (*itertools.pairwise(encoder), *itertools.pairwise([z, *decoder])):
        _connect(ax, before, after)
    for output in outputs:
        _connect(ax, encoder[-1], output)
    for column, pixels in ((encoder[0], x), (decoder[-1], x_hat)):
        column.draw(ax, np.repeat(as_colours(pixels).reshape(-1, 3), pixels.shape[-1], axis=0))
    for column in (*encoder[1:], *decoder[:-1]):
        column.draw(ax, _signed(column, [column]))
    for column in (z, *heads.values()):  # on one scale, so that mu + sigma · epsilon = z is seen
        column.draw(ax, _signed(column, [z, *heads.values()]))
    for column in (*encoder, z, *decoder):
        _small(ax, column.x, FLOOR + 0.38, column.size)
    half = _image(ax, x, IMAGE / 2, "$x$")
    _image(ax, x_hat, WIDTH - IMAGE / 2, r"$\hat{x}$" if heads else "$x'$")
    _arrow(ax, (IMAGE / 2 + half + 0.04, 0), (encoder[0].x - 0.12, 0))
    _arrow(ax, (decoder[-1].x + 0.12, 0), (WIDTH - IMAGE / 2 - half - 0.04, 0))
    if heads:
        _noise(ax, **heads, z=z)
    else:
        ax.text(z.x, z.top + 0.28, "$z$", fontsize=15, ha="center")
    _keys(ax)
    ax.set(xlim=(-0.03, WIDTH + 0.03), ylim=(FLOOR, FLOOR + HEIGHT), aspect="equal", title=title)
    return ax


class _Column:
    """The activations of one layer, and where they are drawn."""

    def __init__(self, values, kernel=None):
        self.values = np.ravel(values)
        self.kernel = kernel  # (units before, units) of a dense layer
        shape = np.shape(values)[1:]
        # An image of one channel is a column of pixels; feature maps and colours keep their shape.
        self.size = (
            f"{self.values.size}"
            if len(shape) == 1 or shape[-1] == 1
            else "{}×{}\n×{}".format(*shape)
        )

    def place(self, count, x, y=0.0, pitch=SMALL, lying=False, busiest=False):
        """Choose units, evenly spaced or the most active, and their places."""
        if busiest:
            self.indices = np.sort(np.argsort(-np.abs(self.values))[: round(count)])
        else:
            even = np.linspace(0, self.values.size - 1, round(count))
            self.indices = np.unique(even.round().astype(int))
        self.x, self.y, self.pitch = x, y, pitch
        offsets = pitch * (np.arange(len(self.indices)) - (len(self.indices) - 1) / 2)
        across, along = (offsets, 0 * offsets) if lying else (0 * offsets, -offsets)
        self.places = np.stack([x + across, y + along], axis=1)

    @property
    def top(self):
        return self.places[:, 1].max() + self.pitch / 2

    @property
    def bottom(self):
        return self.places[:, 1].min() - self.pitch / 2

    def draw(self, ax, colours):
        """Discs in these colours, one for each value, shown or not."""
        colours = colours[self.indices]
        discs = [Circle(place, 0.42 * self.pitch) for place in self.places]
        ax.add_collection(
            PatchCollection(discs, facecolor=colours, edgecolor="0.35", linewidth=0.5, zorder=3)
        )
        if self.pitch == LARGE:
            for place, value, colour in zip(
                self.places, self.values[self.indices], colours, strict=True
            ):
                ink = "white" if colour[:3] @ (0.3, 0.6, 0.1) < 0.55 else "black"
                ax.text(
                    *place,
                    _number(value),
                    ha="center",
                    va="center",
                    fontsize=8 if len(_number(value)) < 5 else 6.5,
                    color=ink,
                    zorder=4,
                )


def _number(value):
    text = f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"  # two significant digits
    return text.replace("-", "−").replace("e−0", "e−")


def _signed(column, columns):
    """A column's colours on the common scale of columns, even on both sides of 0.

    It ends at the largest activation shown, if that is not far below the others.
    """
    largest = max(np.abs(column.values[column.indices]).max() for column in columns)
    limit = max(largest, 0.3 * max(np.abs(column.values).max() for column in columns), 1e-12)
    return SIGNED(Normalize(-limit, limit)(column.values))


def _columns(network, first):
    """The columns of a chain of layers that starts with the given one; without a VAE's heads."""
    layers = [
        layer
        for layer in getattr(network, "layers", ())
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    try:
        heads = network.outputs if len(network.outputs) > 1 else ()
        layers = [layer for layer in layers if not any(layer.output is head for head in heads)]
        if any(after.input is not before.output for before, after in itertools.pairwise(layers)):
            raise ValueError("a layer does not follow the one before it")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"plot_schema draws plain chains of layers. Received: {network.name}: {error}"
        ) from error
    shape = network.inputs[0].shape[1:]
    outputs = keras.Model(network.inputs[0], [layer.output for layer in layers])(
        first.values.reshape(1, *shape)
    )
    columns = [first]
    for layer, output in zip(
        layers, outputs if isinstance(outputs, (list, tuple)) else [outputs], strict=True
    ):
        column = _Column(ops.convert_to_numpy(output), _kernel(layer))
        if layer.weights or column.values.size != columns[-1].values.size:
            columns.append(column)
        else:
            columns[
                -1
            ].values = column.values  # flattened, reshaped, or an activation that stands alone
    return columns


def _kernel(layer):
    return ops.convert_to_numpy(layer.kernel) if isinstance(layer, keras.layers.Dense) else None


def _heads(model, x, seed):
    mean, log_var = model.encode(x)
    noise = np.random.default_rng(seed).standard_normal(mean.shape)
    layers = [
        next(layer for layer in model.encoder.layers if layer.output is head)
        for head in model.encoder.outputs
    ]
    sigma = np.exp(0.5 * log_var)
    return {
        "mu": _Column(mean, _kernel(layers[0])),
        "sigma": _Column(sigma, _kernel(layers[1])),
        "epsilon": _Column(noise),
        "z": _Column(mean + sigma * noise),
    }


def _place(encoder, heads, z, decoder):
    """From image to image at even distances; a VAE's noise takes two inches more."""
    shown = min(z.values.size, CODE_UNITS)
    pitch = LARGE if z.values.size <= 2 else SMALL
    extra = 1.35 if heads else 0.0  # from the heads to z
    last = WIDTH - FIRST
    step = (last - FIRST - extra) / (len(encoder) + len(decoder))
    z_x = last - step * len(decoder)
    z.place(shown, z_x, pitch=pitch)
    narrow = shown * pitch / SMALL  # the code's height in small units
    for i, column in enumerate(decoder[::-1]):
        count = TALLEST + (narrow - TALLEST) * i / len(decoder)
        column.place(count, last - step * i, busiest=i > 0)
    if heads:
        lift = shown * pitch / 2 + 0.14
        heads["mu"].place(shown, z_x - extra, lift, pitch)
        heads["sigma"].place(shown, z_x - extra, -lift, pitch)
        heads["epsilon"].place(shown, z_x - 0.5 * extra, -lift - 0.85, pitch, lying=True)
        narrow = 2 * (heads["mu"].top) / SMALL
    for i, column in enumerate(encoder):
        count = TALLEST + (narrow - TALLEST) * i / len(encoder)
        column.place(count, FIRST + step * i, busiest=i > 0)


def _hull(ax, wide, narrow, colour, name):
    """The trapezoid around a network."""
    pad, outward = 0.1, np.sign(wide.x - narrow[0].x)
    x_wide = wide.x + 0.12 * outward
    x_narrow = narrow[0].x - (narrow[0].pitch / 2 + 0.04) * outward
    top, bottom = max(c.top for c in narrow) + pad, min(c.bottom for c in narrow) - pad
    corners = [
        (x_wide, wide.top + pad),
        (x_narrow, top),
        (x_narrow, bottom),
        (x_wide, wide.bottom - pad),
    ]
    ax.add_patch(Polygon(corners, facecolor=colour, alpha=0.16, edgecolor="none", zorder=0))
    ax.add_patch(
        Polygon(
            corners, facecolor="none", edgecolor=colour, linewidth=1.4, zorder=1, joinstyle="round"
        )
    )
    ax.text(
        (x_wide + x_narrow) / 2,
        (wide.top + top) / 2 + 0.32,
        name,
        fontsize=15,
        ha="center",
        va="center",
    )


def _connect(ax, before, after):
    """The connections that carry most, darker where they carry more."""
    pairs = np.stack(
        np.meshgrid(range(len(before.indices)), range(len(after.indices)), indexing="ij"), -1
    ).reshape(-1, 2)
    if after.kernel is None or len(after.kernel) != before.values.size:
        carried = np.full(len(pairs), 0.2)
    else:
        flow = (
            before.values[before.indices][:, None]
            * after.kernel[np.ix_(before.indices, after.indices)]
        )
        carried = np.abs(flow).ravel() / max(np.abs(flow).max(), 1e-12)
    most = np.argsort(carried)[-LINES:]
    lines = [(before.places[i], after.places[j]) for i, j in pairs[most]]
    ax.add_collection(
        LineCollection(lines, colors="0.25", alpha=0.6 * carried[most], linewidths=0.6, zorder=2)
    )


def _image(ax, image, x, name):
    """The image in its frame, of the size IMAGE at its longer side; half its width."""
    height, width = (IMAGE / 2 * side / max(image.shape[1:3]) for side in image.shape[1:3])
    show(ax, as_picture(image[0]), zorder=2, extent=(x - width, x + width, -height, height))
    corners = [(x + a * width, b * height) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    ax.add_patch(Polygon(corners, facecolor="none", edgecolor="0.6", linewidth=0.8, zorder=3))
    ax.text(x, height + 0.12, name, fontsize=15, ha="center")
    return width


def _arrow(ax, start, end, **options):
    ax.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": "0.25", "shrinkA": 0, "shrinkB": 0, **options},
    )


def _noise(ax, mu, sigma, epsilon, z):
    """The code of a VAE, drawn as the two operations it is: z = mu + sigma ⊙ epsilon."""
    x, r = epsilon.x, 0.115
    for y, sign in ((z.y, "$+$"), (sigma.y, r"$\odot$")):
        ax.add_patch(Circle((x, y), r, facecolor="white", edgecolor="0.25", zorder=3))
        ax.text(x, y, sign, ha="center", va="center", fontsize=11, zorder=4)
    side = mu.pitch / 2 + 0.06
    _arrow(ax, (mu.x + side, mu.y), (x - 0.07, z.y + r))
    _arrow(ax, (sigma.x + side, sigma.y), (x - r, sigma.y))
    _arrow(ax, (x, epsilon.top + 0.02), (x, sigma.y - r))
    _arrow(ax, (x, sigma.y + r), (x, z.y - r))
    _arrow(ax, (x + r, z.y), (z.x - z.pitch / 2 - 0.05, z.y))
    ax.text(mu.x, mu.top + 0.2, r"$\mu$", fontsize=14, ha="center")
    ax.text(sigma.x, sigma.bottom - 0.2, r"$\sigma$", fontsize=14, ha="center", va="top")
    ax.text(
        x,
        epsilon.bottom - 0.06,
        r"$\varepsilon \sim \mathcal{N}(0, I)$",
        fontsize=11,
        ha="center",
        va="top",
    )
    ax.text(z.x, z.top + 0.28, "$z$", fontsize=15, ha="center")
    ax.text(x, mu.top + 0.45, r"$z = \mu + \sigma \odot \varepsilon$", fontsize=12, ha="center")
    _small(ax, mu.x, FLOOR + 0.38, f"{mu.size} + {sigma.size}")


def _keys(ax):
    """What the colours and the lines mean, below the images."""
    _small(ax, IMAGE / 2, FLOOR + 0.68, "activation,\nscaled by column")
    bar = ax.inset_axes([0.05, FLOOR + 0.24, IMAGE - 0.1, 0.1], transform=ax.transData)
    bar.figure.colorbar(ScalarMappable(Normalize(-1, 1), SIGNED), cax=bar, orientation="horizontal")
    bar.set_xticks([-1, 0, 1], ["−", "0", "+"], fontsize=9)
    bar.tick_params(length=0, pad=2)
    _small(ax, WIDTH - IMAGE / 2, FLOOR + 0.68, "lines: largest\nweight ×\nactivation")


def _small(ax, x, y, text):
    ax.text(x, y, text, ha="center", va="top", fontsize=9, color="0.3", linespacing=1.1)
