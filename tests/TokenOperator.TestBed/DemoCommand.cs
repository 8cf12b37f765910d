using System.ComponentModel;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>The verb <c>demo</c>: starts what it needs, shows the operator at work, and ends by itself unless it is told to hold.</summary>
public static class DemoCommand
{
    /// <summary>Runs it.</summary>
    /// <param name="hold">True: afterwards all stays up until <paramref name="ct"/>.</param>
    /// <param name="ct">Ctrl-C.</param>
    /// <returns>0 when all that was shown is so, else 1.</returns>
    public static async Task<int> RunAsync(bool hold, CancellationToken ct)
    {
        var page = new DemoPage(Console.Out, TimeProvider.System);
        DemoFixture? fixture = null;
        try
        {
            page.Step("Start a Kubernetes API server, a Postgres and a token endpoint on this machine");
            fixture = await DemoFixture.StartAsync(Demo.TokenLifetime, ct);
            var version = JsonNode.Parse(await fixture.Plane.Kubectl.RunAsync("get --raw /version", ct));
            page.Output($"Kubernetes {version?["gitVersion"]} at {fixture.Plane.Server}: etcd and kube-apiserver, nothing else");
            page.Output($"token endpoint: {fixture.Tokens.TokenEndpoint}, answers as Google's does; its tokens live for {Demo.TokenLifetime.TotalSeconds:0} s");
            await new Demo(page, fixture).RunAsync(ct);
            page.End("All of this was checked as it was shown.");
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

    /// <summary>Keeps everything up, and the operator, too, as a kubelet would.</summary>
    private static async Task HoldAsync(DemoFixture fixture, CancellationToken ct)
    {
        Console.WriteLine(Invitation(fixture, (await TestAssets.FindAsync(ct)).Folder));
        try
        {
            while (true)
            {
                var exitCode = await fixture.Operator!.WaitForExitAsync(ct);
                await Task.Delay(TimeSpan.FromSeconds(1), ct);
                Console.WriteLine($"The operator ended with exit code {exitCode}; it is started again, as a kubelet would.");
                await fixture.StartOperatorAsync(ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Console.WriteLine("Stopped; nothing is left running.");
        }
    }

    private static string Invitation(DemoFixture fixture, string assets) =>
        $$"""

        All stays up until Ctrl-C. In another terminal:

           export KUBECONFIG={{fixture.Plane.AdminKubeconfig}}
           export DATABASE_URL='{{fixture.Database.Uri}}'
           export {{TestKeyring.Setting}}={{TestKeyring.Shared.Folder}}
           export PATH="$PATH:{{assets}}"        # kubectl, if you have none
           token-operator() { dotnet {{fixture.Program}} "$@"; }

        and then, for example:

           kubectl get oauthtokens -n mail --watch
           kubectl explain oauthtokens.spec
           kubectl delete secret marcus-gmail-token -n mail      # it is back at once, and nobody was asked
           kubectl annotate oauthtoken marcus-gmail -n mail tokenoperator.dev/refresh-requested-at="$(date)" --overwrite
           token-operator accounts list
           curl {{fixture.Tokens.Address}}count                      # how often a token was asked for
           curl -d token={{DemoFixture.SampleRefreshToken}} {{fixture.Tokens.RevocationEndpoint}}   # the user takes the consent back; at the next refresh:
           kubectl describe oauthtoken marcus-gmail -n mail
           kubectl create secret generic gmail-oauth-token -n mail --dry-run=client -o yaml \
             --from-literal=token.json='{"refresh_token": "{{DemoFixture.SpareRefreshToken}}"}' | kubectl apply -f -      # consent given anew

        What is deleted with its owner stays here: the garbage collector belongs to the controller-manager, which does not run.
        Logs: {{fixture.Plane.Folder}}/operator-*.log
        """;
}
