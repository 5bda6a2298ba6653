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
RUN useradd --system --uid 10001 --home-dir /data causeway && install -d -o causeway /data
COPY --from=build /src/target/dist/causeway /usr/local/bin/causeway
USER causeway
VOLUME /data
EXPOSE 8700
ENTRYPOINT ["causeway"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8700"]
