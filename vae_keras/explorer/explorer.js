// The front end of the explorer: the view of the widget `Explorer`, and the script of the page that is exported.

const STEPS = 9; // images on the walk, as in vae.interpolate
const PRIOR = 2.45; // within this radius lie 95 % of a Gaussian in the plane
const LEFT = 34, TOP = 8, SIZE = 358; // the plane's square inside of the SVG, which is 400 wide and high
const ROW = 10; // images to choose from, side by side
const SHORT = 12; // letters, at most, of a class's name in the plane
const LETTER = 8; // a letter's width there, about

// ---- The decoder, from its weights. Arrays are flat and in the order of NumPy: rows, columns, channels.

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
const ACTIVATIONS = {
  elu: (v) => (v > 0 ? v : Math.expm1(v)),
  gelu: (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
  leaky_relu: (v) => (v > 0 ? v : 0.2 * v),
  linear: (v) => v,
  relu: (v) => Math.max(v, 0),
  selu: (v) => 1.05070098735548 * (v > 0 ? v : 1.67326324235438 * Math.expm1(v)),
  sigmoid,
  silu: (v) => v * sigmoid(v),
  softplus: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
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

// What Python packed of one model, unpacked.
export async function load(packed) {
  const codes = new Int16Array(bytes(packed.codes).buffer), latent = packed.activity.length;
  return {
    ...packed,
    codeOf: (i) => Array.from(codes.subarray(i * latent, (i + 1) * latent), (v) => v * packed.code_scale),
    layers: await Promise.all(packed.layers.map(loadLayer)),
  };
}

// z → the pixels of its image, in [0, 1].
export function decode({ layers }, z) {
  let x = Float32Array.from(z);
  for (const layer of layers) x = OPERATIONS[layer.type](layer, x).map(ACTIVATIONS[layer.activation ?? "linear"]);
  return x.map(sigmoid);
}

// ---- Paths between two codes; as in paths.py.

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

// ---- What is seen.

const rounded = (v) => (Math.round(100 * v) / 100 + 0).toFixed(2).replace("-", "−"); // + 0: no "−0.00"
const zName = (dimension) => "z" + String(dimension + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

function attach(parent, name, attributes = {}, text = "") {
  const inSvg = name === "svg" || parent instanceof SVGElement;
  const element = inSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.textContent = text;
  return parent.appendChild(element);
}

function attachImage(parent, [height, width], attributes) {
  return attach(parent, "canvas", { width, height, ...attributes });
}

// Pixels in [0, 1], row by row: three channels in colour, any other number by their mean as ink on paper.
export function toRGBA(pixels, channels) {
  const rgba = new Uint8ClampedArray((4 * pixels.length) / channels);
  for (let from = 0, to = 0; from < pixels.length; from += channels, to += 4) {
    const pixel = pixels.slice(from, from + channels);
    const paper = 1 - pixel.reduce((sum, ink) => sum + ink, 0) / channels;
    rgba.set([...(channels === 3 ? pixel : [paper, paper, paper]), 1].map((v) => 255 * v), to);
  }
  return rgba;
}

function paint(canvas, pixels) {
  const { width, height } = canvas, rgba = toRGBA(pixels, pixels.length / (width * height));
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
}

function attachSlider(parent, label, range) {
  const row = attach(parent, "label", { class: "slider" });
  attach(row, "span", {}, label);
  const slider = attach(row, "input", { type: "range", "aria-label": label, ...range });
  return { slider, value: attach(row, "output", { "aria-live": "off" }) };
}

// The view: shows `data`, keeps `z` in step with `model`. Returns what takes it down again.
async function render({ model, el }) {
  const data = model.get("data"), { extent } = data;
  const models = await Promise.all(data.models.map(load));
  const thumbnails = new Uint8Array(await inflate(data.thumbnails));
  const latent = models[0].activity.length;
  const className = (i) => data.classes[data.labels[i]];
  let shown = models[0], z = [...model.get("z")];
  let ends = [], t = 0; // indices of the images walked between, and how far the walk has come
  let follows = null; // gives z anew when another model is shown; null while z is the user's own
  let frame = 0; // of the animation

  const root = attach(el, "div", { class: "vae-explorer" });
  root.onkeydown = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); // not the notebook's shortcuts
  };
  const choice = models.length > 1 && attachSlider(root, "Model", { min: 0, max: models.length - 1, value: 0 });
  const main = attach(root, "div", { class: "main" });

  // -- The plane.
  const plane = attach(main, "svg", { viewBox: "0 0 400 400", class: "plane", tabindex: 0, role: "application" });
  const toPlane = (v) => ((v / extent + 1) / 2) * SIZE;
  const fromPlane = (v) => Math.max(-extent, Math.min(extent, ((v / SIZE) * 2 - 1) * extent));
  const step = extent > 8 ? 5 : extent > 4 ? 2 : 1;
  attach(plane, "rect", { class: "paper", width: 400, height: 400 });
  for (let tick = -Math.floor(extent / step) * step; tick <= extent; tick += step) {
    const name = String(tick).replace("-", "−"), end = TOP + SIZE;
    const x = LEFT + toPlane(tick), y = TOP + toPlane(-tick);
    attach(plane, "path", { class: "grid", d: `M${x} ${TOP}V${end}M${LEFT} ${y}H${LEFT + SIZE}` });
    attach(plane, "text", { x, y: end + 11 }, name);
    attach(plane, "text", { x: LEFT - 14, y }, name);
  }
  const axes = [attach(plane, "text", { x: LEFT + SIZE / 2, y: 392 }), attach(plane, "text", { x: 9, y: TOP + SIZE / 2 - 14 })];
  const inside = attach(plane, "svg", { x: LEFT, y: TOP, width: SIZE, height: SIZE });
  attach(inside, "circle", { class: "prior", cx: SIZE / 2, cy: SIZE / 2, r: toPlane(PRIOR) - SIZE / 2 });
  attach(inside, "text", { class: "prior-name", x: SIZE / 2, y: toPlane(PRIOR) }, "95 % of the prior");
  const points = data.labels.map((c) => attach(inside, "circle", { class: "point", r: 2, fill: data.colours[c] }));
  const route = attach(inside, "polyline", { class: "route" });
  const names = models[0].medians.map((_, c) => {
    const letters = [...data.classes[c]], style = `fill: ${data.colours[c]}; font-size: ${letters.length > 2 ? 13 : 18}px`;
    const text = letters.length > SHORT ? letters.slice(0, SHORT - 1).join("") + "…" : data.classes[c];
    const room = [(LETTER * Math.min(letters.length, SHORT)) / 2, LETTER]; // else the plane's edge would cut it
    return { room, name: attach(inside, "text", { class: "class-name", style }, text) };
  });
  const flags = ["A", "B"].map((name) => {
    const flag = attach(inside, "g", { class: "flag" });
    attach(flag, "circle", { r: 8 });
    attach(flag, "text", {}, name);
    return flag;
  });
  const marker = attach(inside, "g", { class: "marker" });
  attach(marker, "circle", { r: 8 });
  attach(marker, "circle", { r: 8 });
  attach(plane, "rect", { class: "frame", x: LEFT, y: TOP, width: SIZE, height: SIZE });

  const place = (group, code) => {
    const [first, second] = shown.order;
    group.setAttribute("transform", `translate(${toPlane(code[first])} ${toPlane(-code[second])})`);
  };

  // -- The image, and a slider for each dimension if there are more than two.
  const side = attach(main, "div", { class: "side" });
  const decoded = attachImage(side, data.shape, { class: "decoded", role: "img", "aria-label": "The decoded image of z" });
  const where = attach(side, "output", { class: "where" });
  const sliderBox = attach(side, "div", { class: "dimensions", role: "group", "aria-label": "Dimensions of z" });
  let sliders = [];

  function buildSliders() {
    sliderBox.replaceChildren();
    if (latent === 2) return;
    attach(sliderBox, "p", {}, "Most active dimensions first, with the variance of μ over the images");
    const range = { min: -extent, max: extent, step: 0.01 };
    sliders = shown.order.map((dimension) => {
      const { slider, value } = attachSlider(sliderBox, zName(dimension), range);
      value.textContent = shown.activity[dimension].toFixed(2);
      slider.oninput = () => moveTo(z.map((v, i) => (i === dimension ? Number(slider.value) : v)));
      return { slider, dimension };
    });
  }

  // -- The walk.
  const walk = attach(root, "fieldset", { class: "walk" });
  attach(walk, "legend", {}, "Walk from one image to another");
  const hint = attach(walk, "p", { role: "status" });
  const strip = attach(walk, "div", { class: "strip" });
  const [rows, columns, channels] = data.thumbnail_shape, size = rows * columns * channels;
  const count = thumbnails.length / size;
  strip.style.gridTemplateColumns = `repeat(${Math.min(count, ROW)}, minmax(0, 48px))`;
  const buttons = Array.from({ length: count }, (_, i) => {
    const title = className(i) ? `An image of ${className(i)}` : `Image ${i + 1}`;
    const button = attach(strip, "button", { type: "button", title, "aria-label": title, "aria-pressed": "false" });
    const pixels = Array.from(thumbnails.subarray(i * size, (i + 1) * size), (v) => v / 255);
    paint(attachImage(button, data.thumbnail_shape, { "aria-hidden": "true" }), pixels);
    button.onclick = () => pick(i);
    return button;
  });
  const walked = attach(walk, "div", { class: "walked" });
  const film = attach(walked, "div", { class: "strip", role: "img" });
  const frames = Array.from({ length: STEPS }, (_, i) =>
    attachImage(film, data.shape, { role: "img", "aria-label": `The image at t = ${rounded(i / (STEPS - 1))}` }));
  const controls = attach(walked, "div", { class: "controls" });
  const play = attach(controls, "button", { type: "button" }, "Play");
  const stride = attachSlider(controls, "t", { min: 0, max: 1, step: 0.01, value: 0 });
  const pathLabel = attach(controls, "label", {}, "Path ");
  const kind = attach(pathLabel, "select");
  for (const name in PATHS) attach(kind, "option", {}, name);

  const pathAt = (s) => PATHS[kind.value](shown.codeOf(ends[0]), shown.codeOf(ends[1]), s);

  function showWalk() {
    const complete = ends.length === 2;
    const [a, b] = ends.map((i, end) => "AB"[end] + (className(i) ? ` (${className(i)})` : ""));
    hint.textContent = ["Choose two images, below or in the plane.", `From ${a} to …`, `From ${a} to ${b}:`][ends.length];
    walked.hidden = !complete;
    buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(ends.includes(i)));
      button.dataset.end = ["A", "B"].filter((_, end) => ends[end] === i).join("");
    });
    flags.forEach((flag, i) => {
      flag.style.display = i < ends.length ? "" : "none";
      if (i < ends.length) place(flag, shown.codeOf(ends[i]));
    });
    const [first, second] = shown.order;
    const line = complete ? Array.from({ length: 51 }, (_, i) => pathAt(i / 50)) : [];
    route.setAttribute("points", line.map((code) => `${toPlane(code[first])},${toPlane(-code[second])}`).join(" "));
    if (complete) frames.forEach((canvas, i) => paint(canvas, decode(shown, pathAt(i / (STEPS - 1)))));
    film.setAttribute("aria-label", complete ? `${STEPS} images on the ${kind.value} path` : "");
  }

  function pick(i) {
    ends = ends.length === 1 ? [ends[0], i] : [i];
    showWalk();
    if (ends.length === 1) moveTo(shown.codeOf(i), () => shown.codeOf(i));
    else if (matchMedia("(prefers-reduced-motion: reduce)").matches) walkTo(0);
    else animate();
  }

  function walkTo(s) {
    t = s;
    stride.slider.value = t;
    stride.value.textContent = rounded(t);
    moveTo(pathAt(t), () => pathAt(t));
  }

  function animate() {
    const start = performance.now();
    const tick = (now) => {
      walkTo(Math.max(0, Math.min(1, (now - start) / 2500)));
      if (t < 1) frame = requestAnimationFrame(tick);
    };
    walkTo(0);
    frame = requestAnimationFrame(tick);
  }

  play.onclick = animate;
  stride.slider.oninput = () => walkTo(Number(stride.slider.value));
  kind.onchange = () => {
    showWalk();
    walkTo(t);
  };

  // -- z, wherever it comes from.
  function moveTo(target, source = null) {
    cancelAnimationFrame(frame);
    follows = source;
    z = target;
    place(marker, z);
    paint(decoded, decode(shown, z));
    const coordinates = shown.order.slice(0, 2).map((i) => `${zName(i)} = ${rounded(z[i])}`).join(", ");
    where.textContent = coordinates;
    plane.setAttribute("aria-label", `Latent plane, ${coordinates}. Drag, or press the arrow keys, to move z.`);
    for (const { slider, dimension } of sliders) slider.value = z[dimension];
    model.set("z", z);
    model.save_changes();
  }

  const fromPython = () => {
    const target = model.get("z");
    if (target.some((v, i) => v !== z[i])) moveTo([...target]);
  };
  model.on("change:z", fromPython);

  const inPlane = (first, second) => z.map((v, i) => (i === shown.order[0] ? first : i === shown.order[1] ? second : v));
  let grabbed = null; // where the pointer went down, until it is a drag

  function pointer(event) {
    const box = plane.getBoundingClientRect(), unit = 400 / box.width;
    return [(event.clientX - box.left) * unit - LEFT, (event.clientY - box.top) * unit - TOP];
  }
  plane.onpointerdown = (event) => {
    plane.setPointerCapture(event.pointerId);
    grabbed = pointer(event);
    moveTo(inPlane(fromPlane(grabbed[0]), -fromPlane(grabbed[1])));
  };
  plane.onpointermove = (event) => {
    if (!plane.hasPointerCapture(event.pointerId)) return;
    const [x, y] = pointer(event);
    if (grabbed && Math.hypot(x - grabbed[0], y - grabbed[1]) < 4) return;
    grabbed = null;
    moveTo(inPlane(fromPlane(x), -fromPlane(y)));
  };
  plane.onpointerup = () => {
    if (!grabbed) return;
    const [first, second] = shown.order, [x, y] = grabbed;
    let nearest = -1, least = 8;
    data.labels.forEach((_, i) => {
      const code = shown.codeOf(i), distance = Math.hypot(toPlane(code[first]) - x, toPlane(-code[second]) - y);
      if (distance < least) [nearest, least] = [i, distance];
    });
    grabbed = null;
    if (nearest >= 0) pick(nearest);
  };
  plane.onkeydown = (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // no scrolling
    const length = event.shiftKey ? 0.5 : 0.1;
    const bounded = (v) => Math.max(-extent, Math.min(extent, v));
    const [first, second] = direction.map((d, i) => bounded(z[shown.order[i]] + length * d));
    moveTo(inPlane(first, second));
  };

  // -- Which model.
  function show(index) {
    shown = models[index];
    const [first, second] = shown.order;
    axes[0].textContent = zName(first);
    axes[1].textContent = zName(second);
    points.forEach((point, i) => {
      const code = shown.codeOf(i);
      point.style.cx = `${toPlane(code[first])}px`;
      point.style.cy = `${toPlane(-code[second])}px`;
    });
    names.forEach(({ name, room }, c) => {
      const at = [shown.medians[c][first], -shown.medians[c][second]].map(toPlane);
      const [x, y] = at.map((v, i) => Math.max(room[i], Math.min(SIZE - room[i], v)));
      name.setAttribute("transform", `translate(${x} ${y})`);
    });
    buildSliders();
    if (choice) {
      choice.value.textContent = shown.name;
      choice.slider.setAttribute("aria-valuetext", shown.name);
    }
    showWalk();
    moveTo(follows ? follows() : z, follows);
  }
  if (choice) choice.slider.oninput = () => show(Number(choice.slider.value));
  show(0);

  return () => {
    cancelAnimationFrame(frame);
    model.off("change:z", fromPython);
  };
}

export default { render };
