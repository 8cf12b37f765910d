using System.ComponentModel;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The verb <c>demo</c>: starts the servers, shows the operator at work, and ends unless it is told to hold.</summary>
public static class DemoCommand
{
    /// <summary>Runs it.</summary>
    /// <param name="hold">True keeps everything running afterwards, until <paramref name="ct"/>.</param>
    /// <param name="ct">Ctrl-C.</param>
    /// <returns>0 if every claim holds, otherwise 1.</returns>
    public static async Task<int> RunAsync(bool hold, CancellationToken ct)
    {
        var page = new DemoPage(Console.Out, TimeProvider.System);
        DemoFixture? fixture = null;
        try
        {
            page.Step("Start a Kubernetes API server, a Postgres and a token endpoint on this machine");
            fixture = await DemoFixture.StartAsync(Demo.TokenLifetime, ct);
            var version = JsonNode.Parse(await fixture.Plane.Kubectl.RunAsync("get --raw /version", ct));
            page.Output($"Kubernetes {version?["gitVersion"]} at {fixture.Plane.Server}: etcd and kube-apiserver only");
            page.Output($"token endpoint: {fixture.Tokens.TokenEndpoint}, which answers as Google's does; its tokens are valid for {Demo.TokenLifetime.TotalSeconds:0} s");
            await new Demo(page, fixture).RunAsync(ct);
            page.End("Every claim was verified.");
            if (hold)
                await HoldAsync(fixture, ct);
            return 0;
        }
        catch (Exception e) when (e is DemoException or TimeoutException or InvalidOperationException or IOException or HttpRequestException or Win32Exception)
        {
            Console.Out.Flush();
            await Console.Error.WriteLineAsync($"\nThe demo failed. {e.Message}");
            if (fixture?.Operator is { } process)
                await Console.Error.WriteLineAsync($"The last lines of the operator's log: {ChildProcess.LastLinesOf(process.LogFile)}");
            return 1;
        }
        finally
        {
            if (fixture is not null)
                await fixture.DisposeAsync();
        }
    }

    /// <summary>Keeps everything running, and restarts the operator as a kubelet would.</summary>
    private static async Task HoldAsync(DemoFixture fixture, CancellationToken ct)
    {
        Console.WriteLine(Invitation(fixture, (await TestAssets.FindAsync(ct)).Folder));
        try
        {
            while (true)
            {
                var exitCode = await fixture.Operator!.WaitForExitAsync(ct);
                await Task.Delay(TimeSpan.FromSeconds(1), ct);
                Console.WriteLine($"The operator ended with exit code {exitCode}; it is restarted, as by a kubelet.");
                await fixture.StartOperatorAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Console.WriteLine("Stopped. Nothing is left running.");
        }
    }

    private static string Invitation(DemoFixture fixture, string assets) =>
        $$"""

        Everything keeps running until Ctrl-C. In another terminal:

           export KUBECONFIG={{fixture.Plane.AdminKubeconfig}}
           export DATABASE_URL='{{fixture.Database.Uri}}'
           export {{TestKeyring.Setting}}={{TestKeyring.Shared.Folder}}
           export PATH="$PATH:{{assets}}"        # if you have no kubectl
           token-operator() { dotnet {{fixture.Program}} "$@"; }

        and then, for example:

           kubectl get oauthtokens -n mail --watch
           kubectl explain oauthtokens.spec
           kubectl delete secret marcus-gmail-token -n mail      # it is restored at once, without a provider request
           kubectl annotate oauthtoken marcus-gmail -n mail tokenoperator.dev/refresh-requested-at="$(date)" --overwrite
           token-operator accounts list
           curl {{fixture.Tokens.Address}}count                      # the number of token requests
           curl -d token={{DemoFixture.SampleRefreshToken}} {{fixture.Tokens.RevocationEndpoint}}   # the user revokes the consent; after the next refresh:
           kubectl describe oauthtoken marcus-gmail -n mail
           kubectl create secret generic gmail-oauth-token -n mail --dry-run=client -o yaml \
             --from-literal=token.json='{"refresh_token": "{{DemoFixture.SpareRefreshToken}}"}' | kubectl apply -f -      # a new consent

        Objects are not deleted with their owner: there is no controller-manager, which runs the garbage collector.
        Logs: {{fixture.Plane.Folder}}/operator-*.log
        """;
}
