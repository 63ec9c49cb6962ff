// The tour: in at most eight steps along the path, each with the part it speaks of, a thing to try and a row of the lecture.

export function tourOf(models) {
  const vae = models.some(({ kind }) => kind === "VAE"), several = models.length > 1;
  const steps = [
    {
      part: "input", row: "L01", title: "x, an image",
      text: "An image is a list of pixels, between 0 (paper) and 1 (ink).",
      task: "Draw a digit, or take one from the row. Then turn it and make it thicker.",
    },
    vae && {
      part: "heads", vae: true, row: "L09", title: "The encoder answers with a distribution",
      text: "It gives two numbers for each latent dimension: the mean μ, and log σ². The width is σ = exp(½ log σ²).",
      task: "Draw a plain 1, then a scribble that is no digit. Is σ larger for the scribble? It need not be: σ is no doubt about the digit (row L25).",
    },
    vae && {
      part: "die", vae: true, row: "L14", title: "ε, the only chance in it",
      text: "ε is drawn from 𝒩(0, I). It depends on no weight, so gradients pass around it. (Where you move z yourself, ε is what would have led there.)",
      task: "Throw the die ten times. Each draw leaves a dot in the plane, and a larger one in the close-up of q(z|x).",
    },
    {
      part: "plane", row: "L16", title: "The latent plane",
      text: vae ? "z, the code of the image, is a point here. Dots are the codes of other images. The ellipse is q(z|x) at μ ± 2σ; the dashed circles hold 39, 86 and 99 % of the prior."
        : "z, the code of the image, is a point here. Dots are the codes of other images. Nothing says where a code should lie.",
      task: `Drag z, or press arrow keys. ${vae ? "Leave the ellipse, and go" : "Go"} on into another class.`,
    },
    {
      part: "z", row: "L17", title: vae ? "z = μ + σ ⊙ ε" : "z, the code",
      text: vae ? "The code is computed, not drawn. Where σ is small, z is nearly μ, as in an autoencoder."
        : "An autoencoder gives the code itself: one point for each image.",
      task: several ? "Choose the other models, one by one. Whose z is a point, and whose is one of many?"
        : "Take another image. Does z stay among those of its class?",
    },
    {
      part: "output", row: "L19", title: "The decoder draws",
      text: "x̂ is decoded from z. Beside it is x − x̂: orange where x has more ink, blue where x̂ has.",
      task: vae ? "Throw the die again and again: the same x, and each time another x̂ and another loss." : "Drag z away from the code: the difference grows.",
    },
    {
      part: "loss", row: "L23", title: "The loss",
      text: vae ? "Reconstruction asks how well z explains x. KL asks how far q(z|x) is from the prior." : "The squared distance of x and x′, summed over pixels.",
      task: vae ? "Drag z. One of the two terms stays as it is. Which, and why?" : "Find a z with a smaller loss than the encoder's. Is there one?",
    },
    several
      ? {
          part: "cards", row: vae && models.some(({ kind }) => kind === "AE") ? "L08" : "L26", title: "The same image, other models",
          text: "Each card shows where a model puts this image, and what it draws.",
          task: "Take the digits one after the other. Where do the models differ most?",
        }
      : {
          part: "walk", row: "L35", title: "From one image to another",
          text: "The path leads from the code of the image before to that of this one, and is decoded on the way.",
          task: "Take a 0, then a 3, and press Play. Which of the images on the way would you call a digit?",
        },
  ];
  return steps.filter(Boolean);
}
