# Stands in for the stock Valkey image, as redis.Dockerfile does for that of Redis: the Valkey that Debian offers to its stable release.
ARG DEBIAN
FROM ${DEBIAN}
ARG MIRROR
ARG SUITE
# hadolint ignore=DL3008
RUN groupadd -r -g 999 valkey && useradd -r -g valkey -u 999 valkey \
    && echo "deb ${MIRROR} ${SUITE}-backports main" >/etc/apt/sources.list.d/backports.list \
    && apt-get update && apt-get install -y --no-install-recommends -t "${SUITE}-backports" valkey-server && rm -rf /var/lib/apt/lists/* \
    && for name in server cli; do ln -s "valkey-${name}" "/usr/bin/redis-${name}"; done \
    && mkdir /data && chown valkey:valkey /data
COPY entrypoint /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["valkey-server"]
