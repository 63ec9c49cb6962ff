// The models, evaluated from their weights: encoder, decoder, both terms of the loss, and paths between codes. Arrays
// are flat and in the order of NumPy: rows, columns, channels.

const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

async function inflate(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

const float32 = (text) => new Float32Array(bytes(text).buffer);

// The error function, within 1.5e-7: Abramowitz and Stegun 1964, 7.1.26.
function erf(v) {
  const t = 1 / (1 + 0.3275911 * Math.abs(v));
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(v) * (1 - tail * Math.exp(-v * v));
}

const sigmoid = (v) => 1 / (1 + Math.exp(-v));
const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
const ACTIVATIONS = {
  elu: (v) => (v > 0 ? v : Math.expm1(v)),
  gelu: (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
  leaky_relu: (v) => (v > 0 ? v : 0.2 * v),
  linear: (v) => v,
  relu: (v) => Math.max(v, 0),
  selu: (v) => 1.05070098735548 * (v > 0 ? v : 1.67326324235438 * Math.expm1(v)),
  sigmoid,
  silu: (v) => v * sigmoid(v),
  softplus,
  tanh: Math.tanh,
};

// Add the product of a row of x and a matrix to a row of y. Four inputs at a time: that is nearly twice as fast.
function addProduct(x, from, inputs, kernel, weights, y, to, outputs) {
  let i = 0;
  for (; i + 3 < inputs; i += 4) {
    const a = x[from + i], b = x[from + i + 1], c = x[from + i + 2], d = x[from + i + 3];
    let w = weights + i * outputs;
    for (let j = to; j < to + outputs; j++, w++) {
      y[j] += a * kernel[w] + b * kernel[w + outputs] + c * kernel[w + 2 * outputs] + d * kernel[w + 3 * outputs];
    }
  }
  for (; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) y[to + j] += x[from + i] * kernel[weights + i * outputs + j];
  }
}

function dense({ kernel, bias }, x) {
  const outputs = bias.length, inputs = kernel.length / outputs;
  const y = new Float32Array((x.length / inputs) * outputs);
  for (let from = 0, to = 0; from < x.length; from += inputs, to += outputs) {
    y.set(bias, to);
    addProduct(x, from, inputs, kernel, 0, y, to, outputs);
  }
  return y;
}

// Position p of the smaller image and tap u of the kernel meet at p * stride + u - pad of the larger one. A
// convolution reads the larger image and writes the smaller one; a transposed convolution does the reverse.
function convolve({ kernel, bias, taps, strides, pad, from, to, transposed }, x) {
  const [small, large] = transposed ? [from, to] : [to, from];
  const inputs = from[2], outputs = to[2], y = new Float32Array(to[0] * to[1] * outputs);
  for (let i = 0; i < y.length; i += outputs) y.set(bias, i);
  for (let row = 0; row < small[0]; row++)
    for (let column = 0; column < small[1]; column++)
      for (let u = 0; u < taps[0]; u++)
        for (let v = 0; v < taps[1]; v++) {
          const down = row * strides[0] + u - pad[0], right = column * strides[1] + v - pad[1];
          if (down < 0 || right < 0 || down >= large[0] || right >= large[1]) continue;
          const inSmall = row * small[1] + column, inLarge = down * large[1] + right;
          const [source, target] = transposed ? [inSmall, inLarge] : [inLarge, inSmall];
          const weights = (u * taps[1] + v) * inputs * outputs;
          addProduct(x, source * inputs, inputs, kernel, weights, y, target * outputs, outputs);
        }
  return y;
}

// Row by row, what is left of a larger image.
function crop({ start, from, to }, x) {
  const width = to[1] * to[2], y = new Float32Array(to[0] * width);
  for (let row = 0; row < to[0]; row++) {
    const first = ((row + start[0]) * from[1] + start[1]) * from[2];
    y.set(x.subarray(first, first + width), row * width);
  }
  return y;
}

const OPERATIONS = {
  activation: (_, x) => x,
  affine: ({ scale, shift }, x) => x.map((v, i) => v * scale[i % scale.length] + shift[i % shift.length]),
  convolve,
  crop,
  dense,
};

async function loadLayer(layer) {
  const loaded = { ...layer };
  for (const name of ["scale", "shift", "bias"]) if (name in layer) loaded[name] = float32(layer[name]);
  if ("kernel" in layer) {
    const { scale } = loaded; // one for each output; the kernel's last axis is the output
    loaded.kernel = Float32Array.from(new Int8Array(await inflate(layer.kernel)), (v, i) => v * scale[i % scale.length]);
  }
  return loaded;
}

const integers = ({ scale, values }) => Float32Array.from(new Int16Array(bytes(values).buffer), (v) => v * scale);
const loadLayers = (layers) => Promise.all(layers.map(loadLayer));

// What Python packed of one model, unpacked.
export async function load(packed) {
  const latent = packed.activity.length;
  const rows = (array) => (i) => Array.from(array.subarray(i * latent, (i + 1) * latent));
  const heads = [packed.codes, ...packed.log_vars].map(integers).map(rows);
  return {
    ...packed,
    codeOf: heads[0], // of image i: z of an autoencoder, mu of a VAE
    headsOf: (i) => heads.map((of) => of(i)),
    decoder: await loadLayers(packed.decoder),
    encoder: packed.encoder && (await Promise.all(packed.encoder.map(loadLayers))),
  };
}

function through(layers, x) {
  for (const layer of layers) x = OPERATIONS[layer.type](layer, x).map(ACTIVATIONS[layer.activation ?? "linear"]);
  return x;
}

// The pixels of an image → (mu, log sigma²), or (z) of an autoencoder.
export function encode({ encoder: [body, ...heads] }, pixels) {
  const y = through(body, Float32Array.from(pixels));
  return heads.map((head) => Array.from(through(head, y)));
}

// z → what the decoder gives: logits of a VAE, pixels of an autoencoder. And that → pixels in [0, 1].
export const decoded = ({ decoder }, z) => through(decoder, Float32Array.from(z));
export const pixelsOf = ({ kind }, given) => given.map(kind === "AE" ? (v) => Math.min(Math.max(v, 0), 1) : sigmoid);
export const decode = (model, z) => pixelsOf(model, decoded(model, z));

// e^v, from v = 10 on its tangent: as in tensors.py.
const exp = (v) => Math.exp(Math.min(v, 10)) * (1 + Math.max(v - 10, 0));
export const sigmaOf = (log_var) => log_var.map((v) => exp(v / 2));
const sum = (values) => values.reduce((total, v) => total + v, 0);

// ½ Σ (mu² + sigma² − 1 − log sigma²), in nats: row L21.
export const klDivergence = (mu, log_var) => 0.5 * sum(mu.map((m, j) => m * m + exp(log_var[j]) - 1 - log_var[j]));

// Of what the decoder gives; in nats, a sum over pixels: row L18. An autoencoder's is ‖x − x′‖².
export function reconstructionLoss(model, x, given) {
  if (model.likelihood === "bernoulli") return given.reduce((total, a, i) => total + softplus(a) - x[i] * a, 0);
  const square = pixelsOf(model, given).reduce((total, pixel, i) => total + (x[i] - pixel) ** 2, 0);
  if (model.kind === "AE") return square;
  return square / (2 * model.sigma ** 2) + (model.learned ? x.length * Math.log(model.sigma) : 0);
}

// A draw from N(0, 1): Box and Muller 1958.
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

// Paths between two codes, as in paths.py.

const norm = (z) => Math.hypot(...z);
const mix = (a, b, s, t) => a.map((v, i) => s * v + t * b[i]);

export const PATHS = {
  linear: (a, b, t) => mix(a, b, 1 - t, t),
  spherical(a, b, t) {
    const u = a.map((v) => v / norm(a)), v = b.map((w) => w / norm(b));
    const angle = 2 * Math.atan2(norm(mix(u, v, 1, -1)), norm(mix(u, v, 1, 1)));
    if (!(Math.sin(angle) >= 1e-6)) return PATHS.linear(a, b, t); // NaN where a code is 0
    const length = ((1 - t) * norm(a) + t * norm(b)) / Math.sin(angle);
    return mix(u, v, length * Math.sin((1 - t) * angle), length * Math.sin(t * angle));
  },
};
