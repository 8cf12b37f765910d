using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace TokenOperator.TestBed;

/// <summary>HTTP handlers that trust one certificate authority alone.</summary>
public static class TrustedHandler
{
    /// <summary>Creates a handler; the caller sets its further options.</summary>
    /// <param name="authorityFile">The certificate authority (PEM).</param>
    public static SocketsHttpHandler Create(string authorityFile)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(authorityFile);
        return new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } };
    }
}
