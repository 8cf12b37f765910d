using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;

namespace TokenOperator.Postgres.Hosting;

/// <summary>Registers the store.</summary>
public static class PostgresStorage
{
    /// <summary>
    /// Adds <see cref="ITokenStore"/>, <see cref="IPendingAuthorizations"/>, <see cref="IKeyring"/>, <see cref="IKeyRotation"/>,
    /// <see cref="IRowVerifier"/> and <see cref="IMigrator"/> for the database that <see cref="ConnectionStrings"/> reads from the settings. It does not connect yet.
    /// The keys are read when a service that needs them is first resolved; <see cref="IMigrator"/> needs none.
    /// </summary>
    /// <param name="services">Where they are added.</param>
    /// <param name="reader">Reads the settings, and records it when no setting says where Postgres is, or when the one that does cannot be used.</param>
    public static IServiceCollection AddPostgresStorage(this IServiceCollection services, SettingsReader reader)
    {
        if (ConnectionStrings.Read(reader) is { } settings)
            services.AddSingleton(settings);
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton<StoreMetrics>();
        services.AddSingleton<ConnectionPool>();
        services.AddSingleton<StatementRunner>();
        services.AddSingleton(provider => EncryptionSettings.Read(reader.Configuration)
            .CreateCipher(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TokenCipher>>()));
        services.AddSingleton<IKeyring>(provider => provider.GetRequiredService<TokenCipher>());
        services.AddSingleton<AccessWriter>();
        services.AddSingleton<ITokenStore, PostgresTokenStore>();
        services.AddSingleton<IPendingAuthorizations, PostgresPendingAuthorizations>();
        services.AddSingleton<IKeyRotation, PostgresKeyRotation>();
        services.AddSingleton<IRowVerifier, PostgresRowVerifier>();
        services.AddSingleton<IMigrator, PostgresMigrator>();
        return services;
    }
}
