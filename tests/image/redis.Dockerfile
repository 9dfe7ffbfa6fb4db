# Stands in for the stock Redis image: the same names, number of the user, volume, entry point and configuration (none), but Debian's Redis.
ARG DEBIAN
FROM ${DEBIAN}
# hadolint ignore=DL3008
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis \
    && apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* \
    && mkdir /data && chown redis:redis /data
COPY entrypoint /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
ENTRYPOINT ["docker-entrypoint.sh"]
EXPOSE 6379
CMD ["redis-server"]
