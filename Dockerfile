# The image of the operator: no shell, no package manager, not root.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/TokenOperator/TokenOperator.csproj src/TokenOperator/packages.lock.json src/TokenOperator/
RUN dotnet restore src/TokenOperator --locked-mode
COPY src/TokenOperator src/TokenOperator
RUN dotnet publish src/TokenOperator --configuration Release --no-restore --output /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app .
USER 1654:1654
ENTRYPOINT ["./token-operator"]
