using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.TestBed;

public sealed class PortsTests
{
    [Fact]
    public void Each_port_is_given_out_once()
    {
        // More than one block of them.
        Enumerable.Range(0, 150).Select(_ => Ports.Free()).Should().OnlyHaveUniqueItems();
    }

    [Fact]
    public async Task Another_process_gets_other_ports()
    {
        var own = Ports.Free();
        var others = await Command.RunAsync(Path.Combine(AppContext.BaseDirectory, "TokenOperator.TestBed"), ["ports", "150"]);

        var taken = others.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).ToList();
        taken.Should().HaveCount(150, others.Errors);
        taken.Select(Block).Should().NotContain(Block(own));

        static int Block(int port) => port / 100;
    }
}
