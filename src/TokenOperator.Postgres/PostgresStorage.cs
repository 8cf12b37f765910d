using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres;

/// <summary>Registers the storage.</summary>
public static class PostgresStorage
{
    /// <summary>
    /// Adds <see cref="ITokenStore"/>, <see cref="IKeyRotation"/> and <see cref="IMigrator"/> on the database that <see cref="ConnectionStrings"/> finds.
    /// Connects to nothing yet; the keys are read when the store is first asked for, since migrations need none.
    /// </summary>
    /// <exception cref="InvalidSettingException">No setting says where Postgres is, or the one that does cannot be used.</exception>
    public static IServiceCollection AddPostgresStorage(this IServiceCollection services, IConfiguration configuration) =>
        SettingsReader.Read(configuration, services.AddPostgresStorage);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>.</summary>
    public static IServiceCollection AddPostgresStorage(this IServiceCollection services, SettingsReader reader)
    {
        if (ConnectionStrings.Read(reader) is { } settings)
            services.AddSingleton(settings);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => provider.GetRequiredService<PostgresSettings>().CreatePool());
        services.AddSingleton(provider => EncryptionSettings.Read(reader.Configuration)
            .CreateCipher(provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<TokenCipher>>()));
        services.AddMetrics();
        services.AddSingleton<StoreMetrics>();
        services.AddSingleton<ITokenStore, PostgresTokenStore>();
        services.AddSingleton<IPendingAuthorizations, PostgresPendingAuthorizations>();
        services.AddSingleton<IKeyRotation, PostgresRowEncryption>();
        services.AddSingleton<IMigrator, PostgresMigrator>();
        return services;
    }
}
