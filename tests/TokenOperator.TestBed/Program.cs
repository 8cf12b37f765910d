using System.Globalization;
using System.Runtime.InteropServices;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Soak;
using TokenOperator.TestBed.TokenServers;

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

try
{
    return args switch
    {
        ["up"] => await UpAsync(stop.Token),
        ["demo"] => await DemoCommand.RunAsync(hold: Environment.GetEnvironmentVariable("HOLD") is { Length: > 0 } and not "0", stop.Token),
        ["soak", .. var options] => await SoakCommand.RunAsync(options, stop.Token),
        ["ports", var count] => PrintPorts(int.Parse(count, CultureInfo.InvariantCulture)),
        ["token-server", .. var options] => await ServeTokensAsync(options, stop.Token),
        _ => Usage(),
    };
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

// Starts the control plane, prints its kubeconfig, and runs until Ctrl-C.
static async Task<int> UpAsync(CancellationToken ct)
{
    await Console.Error.WriteLineAsync("Starting etcd and kube-apiserver...");
    await using var plane = await ControlPlane.StartAsync(ct: ct);
    Console.WriteLine($"export KUBECONFIG={plane.AdminKubeconfig}");
    await Console.Error.WriteLineAsync($"Ready at {plane.Server}; logs in {plane.Folder}. Ctrl-C stops them.");
    await Task.Delay(Timeout.Infinite, ct);
    return 0;
}

static async Task<int> ServeTokensAsync(string[] options, CancellationToken ct)
{
    await TokenServerCommand.RunAsync(options, ct);
    return 0;
}

static int PrintPorts(int count)
{
    for (var i = 0; i < count; i++)
        Console.WriteLine(Ports.Free());
    return 0;
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        Usage: TokenOperator.TestBed VERB
          up            start etcd and kube-apiserver, print the KUBECONFIG, run until Ctrl-C
          demo          show the operator at work; HOLD=1 keeps it running afterwards
          soak          run two replicas under random faults: [--minutes N] [--accounts N] [--seed N]
          ports N       print N free ports that no other test process uses
          token-server  serve a token endpoint: [--port N] [--lifetime SECONDS] [--latency MILLISECONDS] [--rotate]
        """);
    return 2;
}
