# The image of the operator, for machines with a container engine. It has the same files, labels and user as the image of
# `make image`, because the same script collects the files:
#   docker build --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=$(git log -1 --format=%cI) .
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
ARG REVISION=
WORKDIR /source
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props .editorconfig ./
COPY hack hack
COPY src src
RUN REVISION=$REVISION hack/image.sh --rootfs $TARGETARCH /rootfs

FROM scratch
ARG VERSION=0.2.0
ARG REVISION=
ARG CREATED=
COPY --from=build /rootfs /
WORKDIR /app
# No diagnostics socket and no crash dump, wherever the image runs, because both could expose the memory.
ENV DOTNET_EnableDiagnostics=0 DOTNET_DbgEnableMiniDump=0
LABEL org.opencontainers.image.created=$CREATED \
    org.opencontainers.image.description="A Kubernetes operator that keeps OAuth access tokens fresh" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.revision=$REVISION \
    org.opencontainers.image.title="token-operator" \
    org.opencontainers.image.vendor="The TokenOperator authors" \
    org.opencontainers.image.version=$VERSION
USER 1654:1654
ENTRYPOINT ["/app/token-operator"]
