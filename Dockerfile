# One image for every banso process; docker-compose.yml says which command each runs.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

# Nothing here needs root. The state folder is made now, because a new named volume takes over the owner of the folder it covers.
RUN useradd --system --uid 10001 --create-home banso \
    && install --directory --owner=banso --group=banso /state

WORKDIR /build

# First what seldom changes, so that a change of code does not install everything again.
# Wheels only: a package that wants a compiler fails here and not in some later step.
COPY requirements.lock ./
RUN pip install --require-hashes --only-binary :all: -r requirements.lock

# Without build isolation, which would fetch a build backend that no hash vouches for; the lock brings setuptools.
COPY pyproject.toml README.md ./
COPY engine ./engine
COPY workers ./workers
COPY web ./web
RUN pip install --no-deps --no-build-isolation .

ENV BANSO_WORKSPACE=/workspace \
    BANSO_STATE=/state

USER 10001
WORKDIR /state
EXPOSE 8080
CMD ["banso", "serve"]
