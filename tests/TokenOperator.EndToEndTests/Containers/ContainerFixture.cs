using TokenOperator.TestBed.Containers;

namespace TokenOperator.EndToEndTests.Containers;

/// <summary>A cluster whose operators run in containers, from the image and as the Deployment of config/default demands.</summary>
public sealed class ContainerFixture : ClusterFixture
{
    private OperatorImage? _image;

    public override OperatorImage Image => _image ?? throw new InvalidOperationException("Not started.");

    public override async Task InitializeAsync()
    {
        // If this machine cannot run a container, each test of the group fails with the reason. make test leaves the group out there, and says so.
        _image = await OperatorImage.UnpackAsync();
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _image?.Dispose();
    }
}

/// <summary>The operator as it is deployed. These tests need the image that TOKEN_OPERATOR_IMAGE names, root, and a kernel that allows containers.</summary>
[CollectionDefinition(Name)]
public sealed class ContainerGroup : ICollectionFixture<ContainerFixture>
{
    public const string Name = "Containers";
}
