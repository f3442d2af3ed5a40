# Two images of one code: `web` without torch, `worker` with it.
#   docker build --target web -t percept-web .
#   docker build --target worker -t percept-worker .

FROM python:3.11.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --create-home percept \
    && install -d -o percept -g percept /app /data
WORKDIR /app

FROM base AS web
COPY requirements-web.txt ./
RUN pip install -r requirements-web.txt
COPY --chown=percept:percept . .
# Any text does: collecting static files signs nothing, and the key is not kept.
RUN SECRET_KEY=for-collectstatic-only python manage.py collectstatic --noinput
USER percept
ENV PERCEPT_VAR=/data WEB_HOST=0.0.0.0
EXPOSE 8000
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi:application"]

FROM base AS worker
# Where the CPU build of torch is enough: --build-arg TORCH_INDEX=<PyTorch's index of CPU builds>
ARG TORCH_INDEX=
COPY requirements-web.txt requirements.txt ./
RUN PIP_EXTRA_INDEX_URL="$TORCH_INDEX" pip install -r requirements.txt
COPY --chown=percept:percept . .
USER percept
ENV PERCEPT_VAR=/data HF_HOME=/data/models OMP_NUM_THREADS=4
CMD ["python", "manage.py", "worker"]
