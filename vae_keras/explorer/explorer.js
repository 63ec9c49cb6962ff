// The view of the explorer: the path from an image to its reconstruction, live. It is the front end of the widget
// `Explorer` and the script of the page that is exported.

const STEPS = 9; // images on the walk, as in vae.interpolate
const CIRCLES = { 1: "39 %", 2: "86 %", 3: "99 %" }; // radius → how much of a Gaussian in the plane lies within
const WIDE = 2; // the ellipse of q(z|x) is drawn at mu ± 2 sigma
const LEFT = 34, TOP = 8, SIZE = 358; // the plane's square inside of the SVG, which is 400 wide and high
const CARD = 120; // pixels, a card's plane
const THROWN = 60; // draws of epsilon that leave a dot
const FIRST = [0.8, -0.6]; // epsilon before the die is thrown
const ROW = 10; // images to choose from, side by side
const SHORT = 12; // letters, at most, of a class's name in the plane
const LETTER = 9; // a letter's width there, about
const BESIDE = 16; // and that of the dot beside it, in the class's colour
const BLUE = "#0072b2", ORANGE = "#d55e00";
const QUIET = 600; // milliseconds without a change, before a screen reader is told of the last

// ---- Small things.

const rounded = (v, digits = 2) => (Math.round(10 ** digits * v) / 10 ** digits + 0).toFixed(digits); // + 0: no "-0.00"
// Widths are never 0: a narrow one keeps two significant digits.
const shortly = (v) => (v < 0.0995 ? v.toPrecision(2) : rounded(v));
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
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

function attachButton(parent, text, title, onclick, attributes = {}) {
  const button = attach(parent, "button", { type: "button", ...(title && { title, "aria-label": title }), ...attributes }, text);
  button.onclick = onclick;
  return button;
}

function attachSlider(parent, label, range) {
  const row = attach(parent, "label", { class: "slider" });
  attach(row, "span", {}, label);
  const slider = attach(row, "input", { type: "range", "aria-label": label, ...range });
  return { slider, value: attach(row, "output", { "aria-live": "off" }) };
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

// Differences in [−1, 1], by their mean over channels: orange above 0, blue below.
export function toSigned(differences, channels) {
  const rgba = new Uint8ClampedArray((4 * differences.length) / channels), ends = [[213, 94, 0], [0, 114, 178]];
  for (let from = 0, to = 0; from < differences.length; from += channels, to += 4) {
    const mean = differences.slice(from, from + channels).reduce((sum, v) => sum + v, 0) / channels;
    const share = Math.min(1, Math.abs(mean)), end = ends[mean > 0 ? 0 : 1];
    rgba.set([...end.map((colour) => 255 + share * (colour - 255)), 255], to);
  }
  return rgba;
}

function paint(canvas, pixels, colours = toRGBA) {
  const { width, height } = canvas, rgba = colours(pixels, pixels.length / (width * height));
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
}

// Where a code's coordinate, and where a code, stands in a square of this size that shows a model's plane.
const along = ({ order, centre, extent }, size, axis, v) => (((axis ? -1 : 1) * (v - centre[order[axis]])) / extent + 1) * (size / 2);
const inSquare = (model, size, code) => [0, 1].map((axis) => along(model, size, axis, code[model.order[axis]]));

// Where names stand, one after the other: each at its own place or, where that is taken, at the nearest free one around
// it. Names and what is taken are boxes: a middle (x, y), half a width w and half a height h.
const apart = (a, b) => Math.abs(a.x - b.x) >= a.w + b.w || Math.abs(a.y - b.y) >= a.h + b.h;
const NUDGES = [0, 10, 16, 22, 30, 40, 50].flatMap((r) => Array.from({ length: 12 }, (_, i) => [r * Math.sin((i * Math.PI) / 6), r * Math.cos((i * Math.PI) / 6)]));
export function arranged(names, taken, size) {
  return names.map(({ x, y, w, h }) => {
    const places = NUDGES.map(([right, down]) => ({ x: clamp(x + right, w, size - w), y: clamp(y + down, h, size - h), w, h }));
    const place = places.find((one) => taken.every((other) => apart(one, other))) ?? places[0];
    taken = [...taken, place];
    return place;
  });
}

function drawCloud(cloud, places) {
  cloud.replaceChildren();
  for (const [cx, cy] of places) attach(cloud, "circle", { cx, cy, r: 1.8 });
}

// ---- Words.

const WORDS = {
  encoder: "The network that reads the image x and says where its code lies.",
  decoder: "The network that draws an image from a code z.",
  μ: "The mean: the middle of the codes that this image can get.",
  σ: "The width: how far from μ these codes usually lie.",
  ε: "A random number for each dimension, drawn from the standard normal distribution 𝒩(0, I).",
  prior: "The distribution that all codes together should have: 𝒩(0, I), a round cloud around 0.",
  KL: "The Kullback-Leibler divergence: how far q(z|x), the distribution of this image's codes, is from the prior.",
  nat: "The unit of the loss, as a metre is one of length; 1 nat is 1.44 bits.",
};
const OF_BOTH = ["encoder", "decoder"]; // an autoencoder has only these

function attachWords(parent) {
  const box = attach(parent, "details", { class: "words" });
  attach(box, "summary", {}, "Words");
  const list = attach(box, "dl");
  for (const word in WORDS) {
    const entry = attach(list, "div", OF_BOTH.includes(word) ? {} : { class: "vae-only" });
    attach(entry, "dt", {}, word);
    attach(entry, "dd", {}, WORDS[word]);
  }
}

// ---- The path as a graph, with the numbers on its edges.

function attachGraph(parent, throwDie) {
  const box = attach(parent, "div", { class: "graph", role: "group", "aria-label": "From x to z, in numbers" });
  const svg = attach(box, "svg", { viewBox: "0 0 444 196" });
  const part = (name, kind = "") => attach(svg, "g", { "data-part": name, class: kind });
  const arrow = (group, path, [x, y], [dx, dy]) => {
    attach(group, "path", { class: "edge", d: path });
    attach(group, "path", { class: "head", d: `M${x} ${y}l${-7 * dx - 4 * dy} ${-7 * dy - 4 * dx}l${8 * dy} ${8 * dx}z` });
  };
  const edges = {};
  const numbers = (group, x, y) => { // two of them are seen, left and right of a comma
    attach(group, "text", { x, y }, ",");
    return { x, text: attach(group, "text", { y }) };
  };
  const edge = (group, role, symbol, x, y) => {
    attach(group, "text", { class: "symbol", x, y: y + 22 }, symbol);
    edges[role] = numbers(group, x, y);
    edges[role].text.dataset.role = role;
  };
  const node = (group, title, shape, place, [x, y], sign, kind = "sign") => {
    const one = attach(group, "g");
    attach(one, "title", {}, title);
    attach(one, shape, { class: "node", ...place });
    attach(one, "text", { class: kind, x, y: y + 5 }, sign);
  };
  const operation = (group, x, y, sign, title) => node(group, title, "circle", { cx: x, cy: y, r: 12 }, [x, y], sign);
  const network = (group, [x, edge, anchor], sign, name, title, d) => {
    node(group, title, "path", { d }, [x, 75], sign);
    attach(group, "text", { class: "small", x: edge, y: 142, "text-anchor": anchor }, name);
  };
  const only = "vae-only";
  const heads = part("heads"), die = part("die", only), z = part("z");
  network(heads, [22, 4, "start"], "E", "encoder", WORDS.encoder, "M6 24L40 44V106L6 126z");
  const widths = attach(heads, "g", { class: only });
  arrow(widths, "M40 58H289", [290, 58], [1, 0]);
  edge(widths, "mu", "μ", 160, 50);
  arrow(widths, "M40 96H46V122H149", [150, 122], [1, 0]);
  edge(widths, "log-var", "log σ²", 98, 114);
  node(widths, "σ = exp(½ log σ²), so σ is above 0", "rect", { x: 150, y: 109, width: 46, height: 26, rx: 4 }, [173, 122], "exp ½", "sign small");
  arrow(widths, "M196 122H289", [290, 122], [1, 0]);
  edge(widths, "sigma", "σ", 243, 114);
  const scaled = attach(z, "g", { class: only });
  operation(scaled, 302, 58, "+", "z = μ + σ ⊙ ε");
  operation(scaled, 302, 122, "×", "σ ⊙ ε, in each dimension by itself");
  arrow(scaled, "M302 110V71", [302, 70], [0, -1]);
  edges.moved = numbers(scaled, 358, 95);
  attach(z, "path", { class: "edge ae-only", d: "M40 58H314" });
  arrow(z, "M314 58H403", [404, 58], [1, 0]);
  edge(z, "z", "z", 358, 50);
  network(z, [422, 440, "end"], "D", "decoder", WORDS.decoder, "M438 24L404 44V106L438 126z");
  arrow(die, "M302 168V135", [302, 134], [0, -1]);
  edges.epsilon = numbers(die, 358, 158);
  edges.epsilon.text.dataset.role = "epsilon";
  attach(die, "text", { class: "symbol", x: 290, y: 158, "text-anchor": "end" }, "ε");
  const which = attach(svg, "text", { class: "which", x: 6, y: 190 });
  const resample = attachButton(box, "", "Throw the die: draw a new ε", throwDie, { "data-role": "resample", "data-part": "die", class: only });
  const face = attach(resample, "svg", { viewBox: "0 0 20 20", "aria-hidden": "true" });
  attach(face, "rect", { x: 1, y: 1, width: 18, height: 18, rx: 4 });
  for (const [cx, cy] of [[6, 6], [14, 6], [10, 10], [6, 14], [14, 14]]) attach(face, "circle", { cx, cy, r: 1.6 });

  // All numbers stand in the text, blanks between them; those of the two dimensions of the plane are seen. All have two
  // decimals, but sigma.
  return ({ mu, log_var, sigma, epsilon, z }, order) => {
    const values = { mu, "log-var": log_var, sigma, epsilon, z, moved: epsilon.map((e, j) => e * sigma[j]) };
    for (const name in edges) {
      const { text, x } = edges[name], sides = [{ x: x - 2, "text-anchor": "end" }, { x: x + 5, "text-anchor": "start" }];
      text.replaceChildren();
      values[name].forEach((v, j) => {
        if (j) attach(text, "tspan", { class: "unseen" }, " ");
        attach(text, "tspan", sides[order.indexOf(j)] ?? { class: "unseen" }, name === "sigma" ? shortly(v) : rounded(v));
      });
    }
    which.textContent = mu.length > 2 ? `Seen are ${zName(order[0])} and ${zName(order[1])}, the most active of ${mu.length}.` : "";
  };
}

// ---- The latent plane of one model.

function attachPlane(parent, data, { moveTo, pick }) {
  const plane = attach(parent, "svg", { viewBox: "0 0 400 400", class: "plane", tabindex: 0, role: "application", "data-role": "plane", "data-part": "plane" });
  let model, extent, z, shares; // shares: where the prior's are written
  const middleOf = (axis) => model.centre[model.order[axis]];
  const bounded = (v, axis) => middleOf(axis) + clamp(v - middleOf(axis), -extent, extent);
  const fromPlane = (at, axis) => bounded(middleOf(axis) + (axis ? -1 : 1) * (at / (SIZE / 2) - 1) * extent, axis);
  const inPlane = (code) => inSquare(model, SIZE, code);
  const long = (length) => (length / extent) * (SIZE / 2);
  attach(plane, "rect", { class: "paper", width: 400, height: 400 });
  const ticks = attach(plane, "g");
  const axes = [attach(plane, "text", { x: LEFT + SIZE / 2, y: 392 }), attach(plane, "text", { x: 9, y: TOP + SIZE / 2 - 14 })];
  const inside = attach(plane, "svg", { x: LEFT, y: TOP, width: SIZE, height: SIZE });
  const prior = attach(inside, "g");
  const points = data.labels.map((c) => attach(inside, "circle", { class: "point", r: 2, fill: data.colours[c] }));
  const route = attach(inside, "polyline", { class: "route" });
  const names = data.classes.slice(0, data.models[0].medians.length).map((title, c) => {
    const letters = [...title], name = attach(inside, "g", { class: "class-name" });
    const text = letters.length > SHORT ? letters.slice(0, SHORT - 1).join("") + "…" : title;
    const w = (BESIDE + LETTER * Math.min(letters.length, SHORT)) / 2;
    if (title) attach(name, "circle", { cx: 7 - w, r: 5, fill: data.colours[c] });
    attach(name, "text", { x: BESIDE - 2 - w }, text);
    return { name, w };
  });
  const cloud = attach(inside, "g", { class: "cloud" });
  const ellipse = attach(inside, "ellipse", { class: "ellipse" });
  const centre = attach(inside, "path", { class: "centre", d: "M-5 0H5M0 -5V5" });
  const flags = ["A", "B"].map((name) => {
    const flag = attach(inside, "g", { class: "flag" });
    attach(flag, "path", { d: "M0 -5L-5 -12A8 8 0 1 1 5 -12z" });
    attach(flag, "text", { y: -18 }, name);
    return flag;
  });
  const marker = attach(inside, "g", { class: "marker" });
  attach(marker, "circle", { r: 6 });
  attach(marker, "circle", { r: 6 });
  attach(plane, "rect", { class: "frame", x: LEFT, y: TOP, width: SIZE, height: SIZE });
  const place = (element, code) => element.setAttribute("transform", `translate(${inPlane(code).join(" ")})`);

  // Another model: its scale, its prior, its codes.
  function show(chosen) {
    model = chosen;
    extent = model.extent;
    const step = [1, 2, 5, 10, 20, 50, 100].find((size) => extent / size <= 4) ?? 200;
    ticks.replaceChildren();
    for (const axis of [0, 1]) {
      const middle = middleOf(axis), end = TOP + SIZE;
      for (let tick = Math.ceil((middle - extent) / step) * step; tick <= middle + extent; tick += step) {
        const name = String(tick).replace("-", "−"), at = along(model, SIZE, axis, tick) + (axis ? TOP : LEFT);
        attach(ticks, "path", { class: "grid", d: axis ? `M${LEFT} ${at}H${LEFT + SIZE}` : `M${at} ${TOP}V${end}` });
        attach(ticks, "text", axis ? { x: LEFT - 14, y: at } : { x: at, y: end + 11 }, name);
      }
    }
    prior.replaceChildren();
    shares = [];
    if (model.kind === "VAE")
      for (const [radius, share] of Object.entries(CIRCLES)) {
        const x = SIZE / 2, y = SIZE / 2 + long(radius) - 8;
        attach(prior, "circle", { class: "prior", cx: SIZE / 2, cy: SIZE / 2, r: long(radius) });
        if (long(1) > 20) attach(prior, "text", { class: "prior-name", x, y }, share);
        if (long(1) > 20) shares.push({ x, y, w: 15, h: 7 });
      }
    model.order.slice(0, 2).forEach((dimension, axis) => (axes[axis].textContent = zName(dimension)));
    points.forEach((point, i) => {
      const [x, y] = inPlane(model.codeOf(i));
      point.style.cx = `${x}px`;
      point.style.cy = `${y}px`;
    });
  }

  // Pins lean to their sides where they would hide each other; names make room for them, and for the marker at their tips.
  function pin(ends) {
    const places = ends.map(inPlane), near = ends.length > 1 && Math.hypot(places[0][0] - places[1][0], places[0][1] - places[1][1]) < 24;
    flags.forEach((flag, i) => {
      const lean = near ? (i ? 40 : -40) : 0;
      flag.style.display = ends.length > 1 ? "" : "none";
      if (ends.length > 1) flag.setAttribute("transform", `translate(${places[i].join(" ")}) rotate(${lean})`);
      flag.lastChild.setAttribute("transform", `rotate(${-lean} 0 -18)`);
    });
    const taken = places.map(([x, y], i) => ({ x: x + (near ? 6 * (2 * i - 1) : 0), y: y - 9, w: near ? 16 : 10, h: 18 }));
    const medians = names.map(({ w }, c) => {
      const [x, y] = inPlane(model.medians[c]);
      return { x, y, w, h: 9 };
    });
    arranged(medians, [...shares, ...taken], SIZE).forEach(({ x, y }, c) => names[c].name.setAttribute("transform", `translate(${x} ${y})`));
  }

  function update(state, ends, path) {
    z = state.z;
    place(marker, z);
    place(centre, state.mu);
    const vae = model.kind === "VAE";
    ellipse.style.display = centre.style.display = vae ? "" : "none";
    if (vae) {
      const [cx, cy] = inPlane(state.mu), [rx, ry] = model.order.slice(0, 2).map((j) => long(WIDE * state.sigma[j]));
      for (const [name, value] of Object.entries({ cx, cy, rx, ry })) ellipse.setAttribute(name, value);
    }
    drawCloud(cloud, vae ? state.thrown.map((draw) => inPlane(state.mu.map((m, j) => m + state.sigma[j] * draw[j]))) : []);
    pin(ends);
    route.setAttribute("points", path.map((code) => inPlane(code).join()).join(" "));
    const coordinates = model.order.slice(0, 2).map((j) => `${zName(j)} = ${rounded(z[j]).replace("-", "−")}`).join(", ");
    plane.setAttribute("aria-label", `Latent plane, ${coordinates}. Drag, or press the arrow keys, to move z.`);
  }

  const withPlane = (first, second) => z.map((v, i) => (i === model.order[0] ? first : i === model.order[1] ? second : v));
  let grabbed = null; // where the pointer went down, until it is a drag
  function pointer(event) {
    const box = plane.getBoundingClientRect(), unit = 400 / box.width;
    return [(event.clientX - box.left) * unit - LEFT, (event.clientY - box.top) * unit - TOP];
  }
  const moveTowards = (at) => moveTo(withPlane(...at.map(fromPlane)));
  plane.onpointerdown = (event) => {
    plane.setPointerCapture(event.pointerId);
    grabbed = pointer(event);
    moveTowards(grabbed);
  };
  plane.onpointermove = (event) => {
    if (!plane.hasPointerCapture(event.pointerId)) return;
    const to = pointer(event);
    if (grabbed && Math.hypot(to[0] - grabbed[0], to[1] - grabbed[1]) < 4) return;
    grabbed = null;
    moveTowards(to);
  };
  plane.onpointerup = () => {
    if (!grabbed) return;
    const [x, y] = grabbed;
    let nearest = -1, least = 8;
    for (let i = 0; i < data.count; i++) {
      const [cx, cy] = inPlane(model.codeOf(i)), distance = Math.hypot(cx - x, cy - y);
      if (distance < least) [nearest, least] = [i, distance];
    }
    grabbed = null;
    if (nearest >= 0) pick(nearest);
  };
  plane.onkeydown = (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // no scrolling
    const length = (event.shiftKey ? 0.5 : 0.1) * (extent > 6 ? extent / 3 : 1);
    moveTo(withPlane(...direction.map((d, axis) => bounded(z[model.order[axis]] + length * d, axis))));
  };
  return { show, update };
}

// ---- q(z|x) close up: its own scale, so that a narrow one is seen, too.

function attachLens(parent) {
  const box = attach(parent, "div", { class: "lens vae-only" });
  const svg = attach(box, "svg", { viewBox: "-60 -60 120 120", "aria-hidden": "true" }), unit = 40 / WIDE;
  attach(svg, "rect", { class: "paper", x: -60, y: -60, width: 120, height: 120 });
  const ellipse = attach(svg, "ellipse", { class: "ellipse", cx: 0, cy: 0 });
  attach(svg, "path", { class: "centre", d: "M-5 0H5M0 -5V5" });
  const cloud = attach(svg, "g", { class: "cloud" });
  const marker = attach(svg, "g", { class: "marker" });
  attach(marker, "circle", { r: 5 });
  attach(marker, "circle", { r: 5 });
  const words = attach(box, "div"), text = attach(words, "p"), scale = attach(words, "p", { class: "scale" });
  return ({ sigma, epsilon, thrown }, order) => {
    if (!sigma.length) return;
    const shares = order.slice(0, 2).map((j) => sigma[j] / Math.max(...order.slice(0, 2).map((k) => sigma[k])));
    const at = (draw) => order.slice(0, 2).map((j, axis) => (axis ? -1 : 1) * shares[axis] * draw[j] * unit);
    ellipse.setAttribute("rx", WIDE * shares[0] * unit);
    ellipse.setAttribute("ry", WIDE * shares[1] * unit);
    drawCloud(cloud, thrown.map(at));
    const [x, y] = at(epsilon), inside = Math.max(Math.abs(x), Math.abs(y)) < 60;
    marker.style.display = inside ? "" : "none";
    marker.setAttribute("transform", `translate(${x} ${y})`);
    text.textContent = `q(z|x) close up: μ ± ${WIDE}σ` + (inside ? ", and z." : "; z is farther out.");
    const [wide, high] = order.slice(0, 2).map((j) => shortly(2 * WIDE * sigma[j]));
    scale.textContent = `In units of z, the ellipse is ${wide} wide and ${high} high.`;
  };
}

// ---- The image that goes in: drawn, or chosen and then moved, turned, made thicker.

const UNCHANGED = { right: 0, down: 0, angle: 0, steps: 0 };

function attachInput(parent, data, canDraw, changed) {
  const [height, width, channels] = data.shape, zoom = Math.max(1, Math.round(224 / Math.max(height, width)));
  const box = attach(parent, "div", { class: "input", "data-part": "input" });
  attach(box, "p", { class: "title" }, canDraw ? "x: draw here" : "x");
  const keys = "Arrow keys move it, comma and period turn it, plus and minus make it thicker or thinner, Delete clears it.";
  const label = canDraw ? `The image x. Draw with a pointer. ${keys}` : "The image x";
  const canvas = attach(box, "canvas", { width: zoom * width, height: zoom * height, "data-role": "input", role: "application", "aria-label": label, tabindex: 0, title: canDraw ? keys : "" });
  const tools = attach(box, "div", { class: "tools", role: "group", "aria-label": "Change x" });
  const asMnist = attach(box, "p", {}, "Before the encoder sees it, it is scaled and centred, as MNIST's digits are.");
  const small = attachImage(document.createElement("div"), data.shape);
  let base = new Float32Array(height * width * channels), strokes = [], drawn = false, change = UNCHANGED;
  const unchanged = () => Object.values(change).every((v) => v === 0);

  // Strokes become ink, or, on an image of colours, black.
  function pixels() {
    let image = base;
    if (strokes.length) {
      const ink = data.centred ? likeMnist(strokes) : inkOf(strokes, height, width), colour = channels === 3 ? 0 : 1;
      image = base.map((pixel, i) => pixel + ink[Math.floor(i / channels)] * (colour - pixel));
    }
    return thicker(moved(image, data.shape, change), data.shape, change.steps);
  }
  function show(image) {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const asDrawn = strokes.length > 0 && unchanged() && data.centred; // and not as it is centred
    asMnist.hidden = !asDrawn;
    if (asDrawn) {
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.lineWidth = 2 * PEN * zoom;
      context.lineCap = context.lineJoin = "round";
      for (const stroke of strokes) {
        context.beginPath();
        stroke.forEach(([x, y]) => context.lineTo(zoom * x, zoom * y));
        if (stroke.length === 1) context.lineTo(zoom * stroke[0][0], zoom * stroke[0][1]);
        context.stroke();
      }
    } else {
      paint(small, image);
      context.drawImage(small, 0, 0, canvas.width, canvas.height);
    }
  }
  function redraw(kind) {
    const image = pixels();
    show(image);
    changed(image, kind);
  }
  function clear() {
    base = new Float32Array(base.length).fill(channels === 3 ? 1 : 0);
    [strokes, change] = [[], UNCHANGED];
    redraw("cleared");
  }
  function alter(what, by) {
    change = { ...change, [what]: change[what] + by };
    redraw("altered");
  }
  if (canDraw) {
    const at = (event) => {
      const area = canvas.getBoundingClientRect();
      return [((event.clientX - area.left) / area.width) * width, ((event.clientY - area.top) / area.height) * height];
    };
    canvas.onpointerdown = (event) => {
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      if (data.centred && !strokes.length) base = new Float32Array(base.length); // a drawing takes a digit's place
      [strokes, change] = [[...strokes, [at(event)]], UNCHANGED];
      drawn = true;
      redraw("drawing");
    };
    canvas.onpointermove = (event) => {
      if (!drawn) return;
      strokes.at(-1).push(at(event));
      redraw("drawing");
    };
    canvas.onpointerup = canvas.onpointercancel = () => {
      if (drawn) redraw(strokes.length > 1 ? "altered" : "drawn"); // another stroke belongs to the same drawing
      drawn = false;
    };
    const turn = Math.PI / 36;
    const actions = {
      ArrowLeft: () => alter("right", -1), ArrowRight: () => alter("right", 1), ArrowUp: () => alter("down", -1), ArrowDown: () => alter("down", 1),
      ",": () => alter("angle", -turn), ".": () => alter("angle", turn), "+": () => alter("steps", 1), "-": () => alter("steps", -1),
      Delete: clear, Backspace: clear,
    };
    canvas.onkeydown = (event) => {
      const action = actions[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    };
    attachButton(tools, "↺", "Turn left", actions[","]);
    attachButton(tools, "↻", "Turn right", actions["."]);
    attachButton(tools, "+", "Thicker", actions["+"]);
    attachButton(tools, "−", "Thinner", actions["-"]);
    attachButton(tools, "Clear", "", clear, { "data-role": "clear" });
  }
  return (image) => {
    [base, strokes, change] = [image, [], UNCHANGED];
    show(base);
  };
}

// ---- What comes out: x̂, the difference, the loss.

function attachOutput(parent, data) {
  const box = attach(parent, "div", { class: "output", "data-part": "output" });
  const figure = (title, role, label) => {
    const cell = attach(box, "div");
    const name = attach(cell, "p", { class: "title" }, title);
    return { name, canvas: attachImage(cell, data.shape, { role: "img", "aria-label": label, ...(role && { "data-role": role }) }) };
  };
  const given = figure("x", "", "The image x as the encoder sees it");
  const image = figure("x̂", "reconstruction", "The decoded image of z");
  const difference = figure("x − x̂", "", "The difference: orange where x has more ink, blue where it has less");
  const table = attach(parent, "table", { class: "loss", "data-part": "loss" });
  attach(table, "caption", {}, "Loss in nats");
  const row = (name, role, kind = "") => {
    const line = attach(table, "tr", { class: kind });
    const title = attach(line, "th", { scope: "row" }, name);
    return { title, value: attach(line, "td", { "data-role": role }) };
  };
  const reconstruction = row("reconstruction", "reconstruction-loss"), kl = row("KL", "kl", "vae-only"), total = row("sum", "loss", "vae-only total");
  return {
    show(model) {
      const { kind, likelihood, sigma, beta, reconstruction_weight: weight } = model, vae = kind === "VAE";
      image.name.textContent = vae ? "x̂" : "x′";
      difference.name.textContent = vae ? "x − x̂" : "x − x′";
      const square = `‖x − x̂‖² / (2 · ${Number(sigma?.toPrecision(3))}²)`;
      reconstruction.title.textContent = !vae ? "‖x − x′‖²" : likelihood === "bernoulli" ? "reconstruction: cross-entropy" : `reconstruction: ${square}${model.learned ? " + m log σ" : ""}`;
      kl.title.textContent = "KL(q(z|x) ‖ 𝒩(0, I))";
      const times = (factor, name) => (factor === 1 ? name : `${Number(factor.toPrecision(3))} · ${name}`);
      if (vae) total.title.textContent = weight === 1 && beta === 1 ? "sum" : `${times(weight, "reconstruction")} + ${times(beta, "KL")}`;
      table.caption.textContent = vae ? "Loss in nats" : "Loss";
    },
    update(x, state) {
      paint(given.canvas, x);
      paint(image.canvas, state.pixels);
      paint(difference.canvas, x.map((v, i) => v - state.pixels[i]), toSigned);
      for (const [cell, value] of [[reconstruction, state.reconstruction_loss], [kl, state.kl], [total, state.loss]]) cell.value.textContent = rounded(value, 3);
    },
  };
}

// ---- A card for each model: where it puts the image, and what it draws.

function attachCards(parent, data, models, choose) {
  const box = attach(parent, "div", { class: "cards", role: "group", "aria-label": "Models", "data-part": "cards" });
  const cards = models.map((model, index) => {
    const button = attach(box, "button", { type: "button", class: "card", "aria-pressed": "false" });
    button.onclick = () => choose(index);
    attach(button, "span", { class: "name" }, model.name);
    const pictures = attach(button, "span", { class: "pictures" });
    const canvas = attach(pictures, "canvas", { width: CARD, height: CARD, class: "small-plane", "aria-hidden": "true" });
    const image = attachImage(pictures, data.shape, { "aria-hidden": "true" });
    const numbers = attach(button, "span", { class: "numbers" });
    const inCard = (code) => inSquare(model, CARD, code);
    const codes = attach(document.createElement("div"), "canvas", { width: CARD, height: CARD }), ink = codes.getContext("2d");
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, CARD, CARD);
    data.labels.forEach((c, i) => {
      const [x, y] = inCard(model.codeOf(i));
      ink.fillStyle = data.colours[c] + "60";
      ink.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
    });
    return (state, pressed) => {
      const context = canvas.getContext("2d"), [x, y] = inCard(state.z), unit = (WIDE / model.extent / 2) * CARD;
      context.drawImage(codes, 0, 0);
      if (model.kind === "VAE") {
        const [cx, cy] = inCard(state.mu), [rx, ry] = model.order.slice(0, 2).map((j) => state.sigma[j] * unit);
        context.fillStyle = BLUE + "40";
        context.strokeStyle = BLUE;
        context.beginPath();
        context.ellipse(cx, cy, rx, ry, 0, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
      context.fillStyle = ORANGE;
      context.beginPath();
      context.arc(x, y, 3.5, 0, 2 * Math.PI);
      context.fill();
      paint(image, state.pixels);
      numbers.textContent = model.kind === "VAE" ? `${rounded(state.reconstruction_loss, 1)} + ${rounded(state.kl, 1)} nats` : `‖x − x′‖² = ${rounded(state.reconstruction_loss, 1)}`;
      button.setAttribute("aria-pressed", String(pressed));
    };
  });
  return (states, shown) => cards.forEach((update, i) => update(states[i], i === shown));
}

// ---- The row of images, and the walk from the one before to the one shown.

function attachRow(parent, data, images, pick) {
  const strip = attach(parent, "div", { class: "strip", role: "group", "aria-label": "Images to take" });
  strip.style.gridTemplateColumns = `repeat(${Math.min(data.row, ROW)}, minmax(0, 48px))`;
  const buttons = images.slice(0, data.row).map((pixels, i) => {
    const name = data.classes[data.labels[i]], title = name ? `An image of ${name}` : `Image ${i + 1}`;
    const button = attachButton(strip, "", title, () => pick(i), { "aria-pressed": "false" });
    paint(attachImage(button, data.shape, { "aria-hidden": "true" }), pixels);
    return button;
  });
  return (index) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
}

function attachWalk(parent, data, { pathOf, walkTo, moving }) {
  const walk = attach(parent, "fieldset", { class: "walk", "data-part": "walk" });
  attach(walk, "legend", {}, "Walk from the image before to this one");
  const hint = attach(walk, "p", { class: "hint" });
  const walked = attach(walk, "div", { class: "walked" });
  const film = attach(walked, "div", { class: "strip", role: "img" });
  const frames = Array.from({ length: STEPS }, () => attachImage(film, data.shape, { "aria-hidden": "true" }));
  attach(walked, "p", {}, "On the way z moves; x, and with it the loss, stays B.");
  const controls = attach(walked, "div", { class: "controls" });
  const play = attachButton(controls, "Play", "", animate);
  const stride = attachSlider(controls, "t", { min: 0, max: 1, step: 0.01, value: 0 });
  const pathLabel = attach(controls, "label", {}, "Path ");
  const kind = attach(pathLabel, "select");
  for (const name in PATHS) attach(kind, "option", {}, name);

  function goTo(t) {
    stride.slider.value = t;
    stride.value.textContent = rounded(t);
    walkTo(t, kind.value);
  }
  function animate() {
    if (still()) return goTo(1);
    const start = performance.now();
    const tick = (now) => {
      const t = Math.max(0, Math.min(1, (now - start) / 2500));
      goTo(t);
      if (t < 1) moving(requestAnimationFrame(tick));
    };
    goTo(0);
    moving(requestAnimationFrame(tick));
  }
  stride.slider.oninput = () => goTo(Number(stride.slider.value));
  kind.onchange = () => {
    show();
    goTo(Number(stride.slider.value));
  };
  let shown = null;
  function show(next = shown) {
    shown = next;
    const { names, model } = shown;
    walked.hidden = names.length < 2;
    hint.textContent = names.length < 2 ? "Choose another image: the walk leads from this one to that." : `From A (${names[0]}) to B (${names[1]}):`;
    if (names.length < 2) return;
    frames.forEach((canvas, i) => paint(canvas, decode(model, pathOf(i / (STEPS - 1), kind.value))));
    film.setAttribute("aria-label", `${STEPS} images on the ${kind.value} path from ${names[0]} to ${names[1]}`);
  }
  return { show, kind: () => kind.value, atEnd: () => { stride.slider.value = 1; stride.value.textContent = rounded(1); } };
}

// ---- The tour.

function attachTour(root, steps, start, prepare) {
  const remembered = "vae-explorer-tour";
  const kept = { // a frame of a notebook may not store anything
    get: () => { try { return Number(localStorage.getItem(remembered)); } catch { return 0; } },
    set: (step) => { try { localStorage.setItem(remembered, step); } catch { /* then it begins anew */ } },
  };
  const bar = attach(root, "div", { class: "bar" });
  const open = attachButton(bar, "", "", () => go(step));
  const box = attach(root, "section", { class: "tour", "aria-label": "Tour" });
  const said = attach(box, "div", { "aria-live": "polite" });
  const title = attach(said, "h2", { tabindex: -1 }), text = attach(said, "p"), task = attach(said, "p", { class: "task" });
  const controls = attach(box, "div", { class: "controls" });
  const back = attachButton(controls, "Back", "", () => go(step - 1));
  const next = attachButton(controls, "Next", "", () => (step + 1 < steps.length ? go(step + 1) : close(0)));
  attachButton(controls, "Close", "", () => close(step));
  const row = attach(controls, "span", { class: "row" });
  const begun = steps.findIndex((one) => one.row === start);
  let step = Math.max(0, Math.min(steps.length - 1, begun >= 0 ? begun : kept.get() || 0));
  const light = (part) => root.querySelectorAll("[data-part]").forEach((element) => element.classList.toggle("lit", element.dataset.part === part));
  // What is lit comes into view below the tour, which stays at the window's top.
  function scroll() {
    const lit = root.querySelector(".lit"), whole = lit.closest(".graph") ?? lit;
    const fits = box.offsetHeight + whole.getBoundingClientRect().height < innerHeight;
    whole.scrollIntoView({ block: fits ? "nearest" : "start", behavior: still() ? "instant" : "smooth" });
  }
  function name() {
    open.textContent = step ? `Go on with the tour: step ${step + 1} of ${steps.length}` : `Tour in ${steps.length} steps`;
  }
  function go(to, focus = true) {
    step = to;
    kept.set(step);
    box.hidden = false;
    bar.hidden = true;
    title.textContent = `${step + 1} of ${steps.length}: ${steps[step].title}`;
    text.textContent = steps[step].text;
    task.textContent = `Try: ${steps[step].task}`;
    row.textContent = `Row ${steps[step].row} of the lecture`;
    back.disabled = step === 0;
    next.textContent = step + 1 < steps.length ? "Next" : "Done";
    prepare(steps[step]);
    light(steps[step].part);
    root.style.setProperty("--tour", `${box.offsetHeight}px`);
    if (!focus) return;
    if (!box.contains(document.activeElement) || back.disabled) title.focus({ preventScroll: true });
    scroll();
  }
  function close(at) {
    step = at;
    kept.set(step);
    box.hidden = true;
    bar.hidden = false;
    root.style.setProperty("--tour", "0px");
    name();
    light(null);
    open.focus({ preventScroll: true });
  }
  box.hidden = true;
  name();
  return () => { if (begun >= 0) go(begun, false); };
}

// ---- All of it: shows `data`, keeps `z` in step with `model`. Returns what takes it down again.

async function render({ model: told, el }) {
  const data = { ...told.get("data") };
  const models = await Promise.all(data.models.map(load));
  const bytesOfImages = new Uint8Array(await inflate(data.images)), size = data.shape.reduce((a, b) => a * b);
  data.count = bytesOfImages.length / size;
  const images = Array.from({ length: data.count }, (_, i) => Float32Array.from(bytesOfImages.subarray(i * size, (i + 1) * size), (v) => v / 255));
  const latent = models[0].activity.length, canDraw = models.every(({ encoder }) => encoder);

  const firstVae = Math.max(0, models.findIndex(({ kind }) => kind === "VAE"));
  let shown = firstVae; // which model
  let x = images[0], index = 0; // the image, and which of those that can be chosen it is, or null
  let epsilon = Array.from({ length: latent }, (_, j) => FIRST[j % 2]), thrown = [];
  let states = []; // of each model: mu, log_var, sigma, epsilon, z, pixels, kl, reconstruction_loss, loss
  let ends = []; // of the walk: { x, index, code }, the image before and the one now; codes of the model shown
  let frame = 0; // of an animation
  let blank = false; // whether the sheet was cleared, and nothing drawn since

  const root = attach(el, "div", { class: "vae-explorer" });
  root.onkeydown = (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation(); // not the notebook's shortcuts
  };
  const begin = attachTour(root, tourOf(models), told.get("tour"), ({ vae }) => {
    if (vae && models[shown].kind !== "VAE") choose(firstVae);
  });
  const updateCards = models.length > 1 ? attachCards(root, data, models, choose) : () => {};
  const path = attach(root, "div", { class: "path" });
  const showInput = attachInput(path, data, canDraw, drawn);
  const updateGraph = attachGraph(path, throwDie);
  const right = attach(path, "div", { class: "right" });
  const output = attachOutput(right, data);
  const markRow = attachRow(root, data, images, pick);
  const main = attach(root, "div", { class: "main" });
  const plane = attachPlane(main, data, { moveTo, pick });
  const side = attach(main, "div", { class: "side" });
  const updateLens = attachLens(side);
  const sliderBox = attach(side, "div", { class: "dimensions", role: "group", "aria-label": "Dimensions of z" });
  const walk = attachWalk(side, data, {
    pathOf,
    walkTo: (t, kind) => moveTo(pathOf(t, kind)),
    moving: (next) => (frame = next),
  });
  attachWords(root);
  const said = attach(root, "p", { class: "unseen-but-said", role: "status" });
  let sliders = [], telling = 0;

  // -- The path, in numbers.
  const headsOf = (model, end) => (model.encoder ? encode(model, end.x) : model.headsOf(end.index));
  function pathOf(t, kind) { return PATHS[kind](ends[0].code, ends[1].code, t); }

  function evaluate(model, state) {
    const given = decoded(model, state.z), reconstruction_loss = reconstructionLoss(model, x, given);
    const kl = model.kind === "VAE" ? klDivergence(state.mu, state.log_var) : 0;
    const loss = model.kind === "VAE" ? model.reconstruction_weight * reconstruction_loss + model.beta * kl : reconstruction_loss;
    return { ...state, pixels: pixelsOf(model, given), kl, reconstruction_loss, loss };
  }
  function encodeAll() {
    states = models.map((model) => {
      const [mu, log_var = []] = headsOf(model, { x, index });
      return drawnFrom(model, { mu, log_var, sigma: sigmaOf(log_var) });
    });
  }
  function drawnFrom(model, state) {
    const vae = model.kind === "VAE", z = vae ? state.mu.map((m, j) => m + state.sigma[j] * epsilon[j]) : state.mu;
    return evaluate(model, { ...state, epsilon: vae ? epsilon : [], thrown, z });
  }
  function setZ(z) {
    const model = models[shown], state = states[shown];
    states[shown] = evaluate(model, { ...state, z, epsilon: model.kind === "VAE" ? z.map((v, j) => (v - state.mu[j]) / state.sigma[j]) : [] });
  }

  // -- What changes it.
  function stop() { cancelAnimationFrame(frame); }
  function setImage(pixels, which) {
    stop();
    [x, index, thrown] = [pixels, which, []];
    encodeAll();
  }
  function pick(i) {
    setImage(images[i], i);
    blank = false;
    showInput(x);
    remember();
    update();
  }
  function drawn(pixels, kind) {
    setImage(pixels, null);
    if (kind === "cleared") blank = true; // an empty sheet is no image to walk from
    if (kind === "drawn" || (kind === "altered" && !blank)) remember(kind === "altered");
    if (kind === "drawn") blank = false;
    update();
  }
  function remember(same = false) { // the walk leads from the image before to this one
    ends = [...(same ? ends.slice(0, -1) : ends.slice(-1)), { x, index }];
    showWalk();
  }
  function showWalk() { // between other images, or in another model
    for (const end of ends) end.code = headsOf(models[shown], end)[0];
    walk.show({ names: ends.map(({ index }) => (index === null ? "drawn" : data.classes[data.labels[index]] || `image ${index + 1}`)), model: models[shown] });
    walk.atEnd();
  }
  function throwDie() {
    stop();
    epsilon = epsilon.map(normal);
    thrown = [...thrown, epsilon].slice(-THROWN);
    states = models.map((model, i) => drawnFrom(model, states[i]));
    update();
  }
  function moveTo(z) {
    stop();
    setZ(z);
    update();
  }
  function choose(which) {
    shown = which;
    const model = models[shown];
    root.classList.toggle("ae", model.kind === "AE");
    plane.show(model);
    output.show(model);
    buildSliders();
    showWalk();
    update();
  }
  function buildSliders() {
    sliderBox.replaceChildren();
    sliders = [];
    if (latent === 2) return;
    const model = models[shown], range = (j) => ({ min: model.centre[j] - model.extent, max: model.centre[j] + model.extent, step: 0.01 });
    attach(sliderBox, "p", {}, "z, most active dimensions first, with the variance of μ over the images");
    sliders = model.order.map((dimension) => {
      const { slider, value } = attachSlider(sliderBox, zName(dimension), range(dimension));
      value.textContent = model.activity[dimension].toFixed(2);
      slider.oninput = () => moveTo(states[shown].z.map((v, i) => (i === dimension ? Number(slider.value) : v)));
      return { slider, dimension };
    });
  }

  // -- What is seen of it.
  function update() {
    const state = states[shown], model = models[shown];
    updateGraph(state, model.order);
    output.update(x, state);
    const between = ends.length === 2;
    const route = between ? Array.from({ length: 51 }, (_, i) => pathOf(i / 50, walk.kind())) : [];
    plane.update(state, ends.map(({ code }) => code), route);
    updateLens(state, model.order);
    updateCards(states, shown);
    markRow(index);
    for (const { slider, dimension } of sliders) slider.value = state.z[dimension];
    const { mu, log_var, z, kl, reconstruction_loss } = state;
    root.dispatchEvent(new CustomEvent("vae-explorer-change", {
      bubbles: true, detail: { mu, log_var, epsilon: state.epsilon, z, pixels: Array.from(state.pixels), kl, reconstruction_loss },
    }));
    clearTimeout(telling);
    telling = setTimeout(() => {
      const two = model.order.slice(0, 2).map((j) => rounded(z[j])).join(" and ");
      said.textContent = `z is ${two}. Reconstruction loss ${rounded(reconstruction_loss, 1)}` + (model.kind === "VAE" ? `, KL ${rounded(kl, 1)} nats.` : ".");
    }, QUIET);
    told.set("z", z);
    try { told.save_changes(); } catch { /* the kernel is gone: the page goes on by itself */ }
  }

  const fromPython = () => {
    const z = told.get("z");
    if (z.some((v, j) => v !== states[shown].z[j])) moveTo([...z]);
  };
  const z = [...told.get("z")];
  ends = [{ x, index }];
  encodeAll();
  showInput(x);
  choose(shown);
  if (z.some((v, j) => v !== data.z[j])) moveTo(z); // Python or another view has moved it
  told.on("change:z", fromPython);
  begin();

  return () => {
    stop();
    clearTimeout(telling);
    told.off("change:z", fromPython);
  };
}

export default { render };
