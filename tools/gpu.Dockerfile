# The course on a GPU: docker build -f tools/gpu.Dockerfile -t vae_keras . && docker run --gpus all vae_keras
# The host needs an NVIDIA driver and its container toolkit; CUDA comes with TensorFlow's packages.
FROM python:3.13-slim
WORKDIR /course
COPY . .
RUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir -e ".[gpu]"
CMD ["pytest", "--gpu"]
