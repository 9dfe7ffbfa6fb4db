# Stands in for the stock Rust image: Debian, a linker, and the Rust of this machine, whose toolchain is the build context.
ARG DEBIAN
FROM ${DEBIAN}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . /usr/local
ENV CARGO_HOME=/usr/local/cargo
