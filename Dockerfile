# The image of the operator. It has no shell and no package manager, and does not run as root.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG BUILDARCH
ARG TARGETARCH
# The native compiler can target both platforms, but must link with the C library of the image's platform.
RUN apt-get update && apt-get install --yes --no-install-recommends clang llvm libc6-dev \
    $(case $BUILDARCH-$TARGETARCH in \
        amd64-arm64) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;; \
        arm64-amd64) echo gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;; \
      esac)
WORKDIR /source
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props .editorconfig ./
COPY src src
# Publish a single native program.
SHELL ["/bin/bash", "-c"]
RUN dotnet publish src/TokenOperator --configuration Release --arch $TARGETARCH -p:RestoreLockedMode=true --output /app
COPY hack/sbom.cs hack/
RUN dotnet run --file hack/sbom.cs -- "src/TokenOperator/packages.linux-${TARGETARCH/amd64/x64}.lock.json" /app/sbom.cdx.json \
    "$(sed -n 's/.*<Version>\(.*\)<\/Version>.*/\1/p' Directory.Build.props)"

FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app .
# No diagnostics socket and no crash dump, wherever the image runs, because both could expose the memory.
ENV DOTNET_EnableDiagnostics=0 DOTNET_DbgEnableMiniDump=0
USER 1654:1654
ENTRYPOINT ["./token-operator"]
