# Redis with the tsgen module: loaded, durable, not root; and beside it the program `tsgen`, which shows and steers what the module holds.
# `make image` builds it, and README.md tells how to run it.
#
# RUST_IMAGE    what the module is built in: Debian with Rust
# SERVER_IMAGE  what it runs in: Redis 7.0 or newer, or Valkey 8.0 or newer (SERVER_IMAGE=valkey/valkey:8-bookworm). The module needs
#               glibc of at least the version it was built with, so no Alpine, and no Debian older than RUST_IMAGE's
# SERVER_UID    the number of the user to run as, which must own /data in SERVER_IMAGE. A number, because from a name Kubernetes
#               cannot tell that the user is not root. 999 is right for the stock images of both servers
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG SERVER_IMAGE=redis:7-bookworm

FROM ${RUST_IMAGE} AS build
# The bindings to the module API are generated with libclang. Any version will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libclang-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Tests, benchmarks and examples are not built, but Cargo.toml names them.
COPY tests tests
COPY clients/conformance clients/conformance
COPY clients/rust clients/rust
COPY cli cli
COPY benches benches
COPY examples examples
COPY scripts/third-party-licences scripts/
COPY Cargo.toml Cargo.lock ./
COPY engine engine
COPY src src
# Crates, and what was built of them, are kept between builds. Cargo takes the dates of files for what has changed, and dates of
# files that were copied from another working tree mislead it. So the project's own code is always built.
RUN --mount=type=cache,id=tsgen-crates,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=tsgen-target,target=/src/target,sharing=locked \
    find src engine/src cli/src clients/rust/src -type f -exec touch {} + \
    && cargo build --release --locked --package tsgen \
    && cargo build --profile console --locked --package tsgen-cli \
    && mkdir /built \
    && strip --strip-debug -o /built/libtsgen.so target/release/libtsgen.so \
    && cp target/console/tsgen /built \
    && scripts/third-party-licences >/built/THIRD-PARTY-LICENCES

FROM ${SERVER_IMAGE}
ARG SERVER_UID=999
# Not /usr/local/lib/redis/modules: the entry point of the stock image of Redis 8 loads all that is there, and redis.conf loads this.
COPY --from=build /built/libtsgen.so /usr/local/lib/tsgen/libtsgen.so
# docker run … tsgen tsgen web: another program than the server.
COPY --from=build /built/tsgen /usr/local/bin/tsgen
COPY --from=build /built/THIRD-PARTY-LICENCES /usr/share/doc/tsgen/
COPY LICENSE LICENSE-APACHE LICENSE-MIT /usr/share/doc/tsgen/
COPY redis.conf /usr/local/etc/redis/tsgen.conf
COPY image/redis.conf /usr/local/etc/redis/redis.conf
COPY --chmod=755 image/entrypoint /usr/local/bin/tsgen-entrypoint
WORKDIR /data
USER ${SERVER_UID}:${SERVER_UID}
# Fails the build if the user cannot write there, which would else show only at the first write.
RUN test -w /data
# -e of redis-cli: an error reply counts as unhealthy, that of a server that still loads its data too. If the server has a password,
# start the container with -e REDISCLI_AUTH=…
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["redis-cli", "-e", "ping"]
ENTRYPOINT ["tsgen-entrypoint"]
CMD ["redis-server", "/usr/local/etc/redis/redis.conf"]
