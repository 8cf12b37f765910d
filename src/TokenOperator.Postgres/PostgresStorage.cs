using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;

// The namespace in which .NET libraries place registrations. It also keeps TokenOperator.Postgres free of cycles.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the store.</summary>
public static class PostgresStorage
{
    /// <summary>
    /// Adds <see cref="ITokenStore"/>, <see cref="IPendingAuthorizations"/>, <see cref="IKeyring"/>, <see cref="IKeyRotation"/> and
    /// <see cref="IMigrator"/> for the database that <see cref="ConnectionStrings"/> reads from the settings. It does not connect yet.
    /// The keys are read when a service that needs them is first resolved; <see cref="IMigrator"/> needs none.
    /// </summary>
    /// <exception cref="InvalidSettingException">The address of Postgres is missing or invalid.</exception>
    public static IServiceCollection AddPostgresStorage(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(ConnectionStrings.Read(configuration));
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton<StoreMetrics>();
        services.AddSingleton(provider => provider.GetRequiredService<PostgresSettings>().CreatePool());
        services.AddSingleton<StatementRunner>();
        services.AddSingleton(provider => EncryptionSettings.Read(configuration)
            .CreateCipher(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TokenCipher>>()));
        services.AddSingleton<IKeyring>(provider => provider.GetRequiredService<TokenCipher>());
        services.AddSingleton<ITokenStore, PostgresTokenStore>();
        services.AddSingleton<IPendingAuthorizations, PostgresPendingAuthorizations>();
        services.AddSingleton<IKeyRotation, PostgresKeyRotation>();
        services.AddSingleton<IMigrator, PostgresMigrator>();
        return services;
    }
}
