# One image, one binary: each service of docker-compose.yml is a sub-command of it.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock clippy.toml ./
COPY crates crates
COPY tests tests
COPY xtask xtask
COPY fixtures fixtures
RUN cargo build --locked --profile dist -p causeway

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 causeway && useradd --system --uid 10001 --gid 10001 --home-dir /data causeway \
    && install -d -o causeway -g causeway -m 0700 /data /run/causeway
COPY --from=build /src/target/dist/causeway /usr/local/bin/causeway
USER causeway
VOLUME /data
EXPOSE 8700
ENTRYPOINT ["causeway"]
# A configuration of your own (`causeway init`) is mounted there; docker-compose.yml mounts deploy/causeway.toml.
CMD ["serve", "--config", "/etc/causeway/causeway.toml"]
